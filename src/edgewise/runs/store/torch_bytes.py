"""``.pt`` files of plain values and tensors, as bytes."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from edgewise.errors import FormatError, in_words
from edgewise.graph.fields import tensor_array


def torch_bytes(values: Any) -> bytes:
    """What ``torch.save`` writes."""
    import torch

    buffer = io.BytesIO()
    torch.save(values, buffer)
    return buffer.getvalue()


def torch_content(content: bytes) -> Any:
    """What ``torch.load`` reads without running code. Raises FormatError."""
    import torch

    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise FormatError(
            "holds more than plain tensors, which could run code when it is read, or is damaged; write it again, of"
            " tensors alone"
        ) from error
    except Exception as error:  # of damaged bytes torch raises anything, OSError too
        raise FormatError(f"not a torch file, or damaged ({in_words(error, 120)}); write it again") from error


def tensor_of(value: Any, shape: tuple[int, ...], where: str) -> np.ndarray[Any, Any]:
    """A tensor of finite numbers as an array. Raises FormatError for anything else."""
    import torch

    if not isinstance(value, torch.Tensor) or tuple(value.shape) != shape:
        found = list(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
        raise FormatError(f"{where} is {found}, expected a tensor {list(shape)}")
    array = tensor_array(value, where).astype(np.float64)
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise FormatError(f"{where} at {place} is {array[tuple(place)]}; scores are finite")
    return array
