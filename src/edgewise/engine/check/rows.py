"""One measured property of a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Largest error allowed, relative to the largest value compared: rounding of the whole forward pass.
ROUNDING = {torch.float64: 1e-5, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}


@dataclass(frozen=True)
class CheckRow:
    """One property.

    Args:
        name: what must hold.
        passed: whether it did.
        error: the largest deviation, relative to the largest value compared.
        tolerance: the largest deviation allowed.
        detail: what was compared.
    """

    name: str
    passed: bool
    error: float
    tolerance: float
    detail: str

    @classmethod
    def of(cls, name: str, error: float, tolerance: float, detail: str) -> CheckRow:
        """A row that passes if the error is a number and not above what is allowed."""
        return cls(name, error <= tolerance, error, tolerance, detail)

    @classmethod
    def compare(cls, name: str, measured: Tensor, expected: Tensor, tolerance: float, detail: str) -> CheckRow:
        """The largest deviation between two tensors."""
        return cls.of(name, deviation(measured, expected), tolerance, detail)


def deviation(measured: Tensor, expected: Tensor) -> float:
    """The largest difference of two tensors, relative to the largest value expected."""
    wanted = expected.double()
    scale = wanted.abs().max().clamp_min(1e-30)
    return float((measured.double().to(wanted.device) - wanted).abs().max() / scale)
