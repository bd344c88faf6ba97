"""Which device `auto` stands for."""

from __future__ import annotations

AUTO = "auto"


def taken(device: str) -> str:
    """The device that is meant: one that is named itself; for ``"auto"`` the first CUDA device, else the CPU.

    A config keeps what was taken, so its record says where it ran, and the same command on the same machine is the same
    run. MPS is taken only where it is named: scores are summed in float64, which it lacks.
    """
    return best() if device == AUTO else device


def best() -> str:
    """The best device of this machine."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
