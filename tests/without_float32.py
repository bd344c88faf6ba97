"""A float64 model that stays in float64: its code asks for float32 in places, and here gets float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def without_float32() -> Iterator[None]:
    """While this holds, ``torch.float32``, ``torch.float`` and ``x.float()`` mean float64.

    Hugging Face's classes compute norms, rotary angles, softmaxes and routers in float32 whatever the model's type,
    which hides errors below 1e-5 and makes small finite differences useless. The code that runs is theirs all the same.
    """
    names = torch.float32, torch.float
    method = Tensor.float
    torch.float32 = torch.float = torch.float64  # type: ignore[misc]
    Tensor.float = Tensor.double  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.float32, torch.float = names  # type: ignore[misc]
        Tensor.float = method  # type: ignore[method-assign]
