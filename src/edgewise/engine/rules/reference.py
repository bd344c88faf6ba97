"""The value that a tensor has in a reference run, which goes along with the run it is compared with.

A reference is an attribute of the tensor, made by the same operation from the operands' references; a tensor without
one is the same in both runs. It is gone with the tensor.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor

NAME = "_edgewise_reference"
Result = TypeVar("Result")


def reference(x: Tensor) -> Tensor:
    """A tensor's value in the reference run; the tensor itself, without its graph, where both runs agree."""
    found: Tensor | None = getattr(x, NAME, None)
    return x.detach() if found is None else found


def has_reference(x: Tensor) -> bool:
    """Whether the two runs may differ here."""
    return getattr(x, NAME, None) is not None


def attach(x: Result, to: Any) -> Result:
    """Give a result, or each of several, its reference; returns the result."""
    if isinstance(x, Tensor):
        if isinstance(to, Tensor) and to is not x:
            setattr(x, NAME, to)
    elif isinstance(x, tuple | list):
        for one, its in zip(x, to, strict=True):
            attach(one, its)
    return x


def swapped(value: Any) -> Any:
    """Arguments of an operation, each tensor replaced by its reference."""
    if isinstance(value, Tensor):
        return reference(value)
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return type(value)(swapped(one) for one in value)
    if isinstance(value, dict):
        return {key: swapped(one) for key, one in value.items()}
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors among an operation's arguments."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for one in value for tensor in tensors_in(one)]
    if isinstance(value, dict):
        return [tensor for one in value.values() for tensor in tensors_in(one)]
    return []


def own_reference(x: Tensor) -> None:
    """Give a tensor that is about to be written into a reference of its own, equal to it so far."""
    if not has_reference(x):
        setattr(x, NAME, x.detach().clone(memory_format=torch.preserve_format))
