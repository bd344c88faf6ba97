"""Fields of a parsed file, checked as they are read: an error names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.errors import FormatError
from edgewise.json_text import shown

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["entry", "section", "tensor_array"]


def section(d: Any, name: str, where: str = "") -> Mapping[str, Any]:
    """Return a dict inside the file. Raises FormatError when it is missing or not a dict."""
    found: Mapping[str, Any] = entry(d, name, Mapping, where)
    return found


def entry(holder: Any, field: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Return one field of a dict after checking what it is.

    Raises:
        FormatError: the holder is not a dict, the field is missing or not of that kind; a bool is no number.
    """
    name = f"{where}.{field}" if where else field
    if not isinstance(holder, Mapping):
        raise FormatError(f"{where or 'the file'} is {type(holder).__name__}, expected a dict")
    if field not in holder:
        raise FormatError(f"{name} is missing; the file is of another kind or incomplete, write it again")
    value = holder[field]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise FormatError(f"{name} is {shown(value, 40)}, expected {expected}")
    return value


def tensor_array(tensor: Tensor, where: str) -> np.ndarray[Any, Any]:
    """Return a tensor's numbers, float64 where it has them, else float32.

    Args:
        tensor: as read from a file.
        where: its name, for messages.

    Raises:
        FormatError: one without values, sparse, quantised, or of complex numbers.
    """
    import torch

    plain = tensor.layout is torch.strided and not (tensor.is_meta or tensor.is_quantized or tensor.is_complex())
    if not plain:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise FormatError(
            f"{where} is a tensor of {kind} that is not dense, or without plain numbers; save it as floats"
        )
    held = tensor.detach().cpu()
    array: np.ndarray[Any, Any] = (held if held.dtype == torch.float64 else held.float()).numpy()
    return array
