"""Which device `auto` stands for, and which floating-point type."""

from __future__ import annotations

AUTO = "auto"
FULL, HALF = "float32", "bfloat16"


def taken(device: str) -> str:
    """The device that is meant: one that is named itself; for ``"auto"`` the first CUDA device, else the CPU.

    A config keeps what was taken, so its record says where it ran, and the same command on the same machine is the same
    run. MPS is taken only where it is named: scores are summed in float64, which it lacks.
    """
    return best() if device == AUTO else device


def type_taken(dtype: str, device: str) -> str:
    """The floating-point type that is meant: one that is named itself; for ``"auto"`` bfloat16 on a CUDA device that
    computes in it, else float32. Products are summed in float32 either way.
    """
    if dtype != AUTO:
        return dtype
    return HALF if device.partition(":")[0] == "cuda" and computes_in_half() else FULL


def computes_in_half() -> bool:
    """Whether the CUDA devices of this machine compute in bfloat16, and not by way of float32."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def best() -> str:
    """The best device of this machine."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
