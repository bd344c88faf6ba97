"""Accelerators by name: what their makers say of them.

Rates are of dense products. What is reached of them is less: `REACHED`, which is an assumption and not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from edgewise.engine.dry.machine import Machine
from edgewise.errors import SettingError, did_you_mean
from edgewise.settings.device import FULL, HALF

REACHED = 0.4
"""Of the rates on paper, the part that products of a transformer's sizes reach."""
EACH = 1e-5
"""Seconds that an operation takes at least: Python asks for it, and a kernel is started."""
CONTEXT = 10**9
"""Bytes that the driver, its libraries and the allocator take."""
GB, TERA = 10**9, 1e12


@dataclass(frozen=True)
class Accelerator:
    """One kind of device.

    Args:
        name: in full.
        memory: bytes.
        half: operations a second in bfloat16 (float16 where it has no bfloat16), products added up in float32.
        single: likewise in float32, without TF32.
        bandwidth: bytes a second.
        source: where that is said.
        has_bfloat16: whether it computes in that type.
    """

    name: str
    memory: int
    half: float
    single: float
    bandwidth: float
    source: str
    has_bfloat16: bool = True

    @property
    def dtype(self) -> str:
        """The type of weights where nobody says."""
        return HALF if self.has_bfloat16 else FULL

    def machine(self) -> Machine:
        """Its rates as they are reached."""
        half, single = REACHED * self.half, REACHED * self.single
        flops = {torch.bfloat16: half, torch.float16: half, torch.float32: single, torch.float64: single / 2}
        reached = REACHED * self.bandwidth
        return Machine(flops, factors=reached, moved=reached, fresh=float("inf"), each=EACH)


def _row(
    name: str, memory: int, half: float, single: float, gigabytes: float, source: str, has_bfloat16: bool = True
) -> Accelerator:
    return Accelerator(name, memory * GB, half * TERA, single * TERA, gigabytes * GB, source, has_bfloat16)


ACCELERATORS: Mapping[str, Accelerator] = {
    "t4": _row("NVIDIA T4", 16, 65, 8.1, 320, "NVIDIA T4 datasheet", has_bfloat16=False),
    "v100": _row("NVIDIA V100 SXM2 32GB", 32, 125, 15.7, 900, "NVIDIA V100 datasheet", has_bfloat16=False),
    "l4": _row("NVIDIA L4", 24, 121, 30.3, 300, "NVIDIA L4 datasheet (half of the rates with sparsity)"),
    "rtx3090": _row("NVIDIA GeForce RTX 3090", 24, 71, 35.6, 936, "NVIDIA Ampere GA102 whitepaper"),
    "rtx4090": _row("NVIDIA GeForce RTX 4090", 24, 165.2, 82.6, 1008, "NVIDIA Ada whitepaper"),
    "a100": _row("NVIDIA A100 SXM 80GB", 80, 312, 19.5, 2039, "NVIDIA A100 datasheet"),
    "h100": _row("NVIDIA H100 SXM", 80, 989, 67, 3350, "NVIDIA H100 datasheet (half of the rates with sparsity)"),
    "h200": _row("NVIDIA H200 SXM", 141, 989, 67, 4800, "NVIDIA H200 datasheet (half of the rates with sparsity)"),
    "mi300x": _row("AMD Instinct MI300X", 192, 1307, 163.4, 5300, "AMD Instinct MI300X datasheet"),
}


@dataclass(frozen=True)
class Devices:
    """So many accelerators of one kind."""

    kind: Accelerator
    number: int = 1

    def __str__(self) -> str:
        """Their name, and how many."""
        return self.kind.name if self.number == 1 else f"{self.number} x {self.kind.name}"


def named(text: str) -> Devices:
    """From ``"h100"`` or ``"8xh100"``.

    Raises:
        SettingError: a name that is not in the table.
    """
    count, times, name = text.lower().replace(" ", "").rpartition("x")
    number, name = (int(count), name) if times and count.isdigit() else (1, text.lower())
    if name not in ACCELERATORS or number < 1:
        near = did_you_mean(name, ACCELERATORS)
        raise SettingError(
            f"--on {text!r} is not known{near}; known: {', '.join(ACCELERATORS)}, and 8xh100 for several"
        )
    return Devices(ACCELERATORS[name], number)
