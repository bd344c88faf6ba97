"""Where a run would be: a machine's rates, and the memory that there is for it."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from edgewise.engine.dry.machine import Machine, this_machine
from edgewise.engine.run.room import Room
from edgewise.runs.config import RunConfig
from edgewise.runs.plan.hardware import CONTEXT, Devices


@dataclass(frozen=True)
class Place:
    """A machine: its rates, and the memory that a process has there, before weights are.

    Args:
        name: in words.
        kind: of its device.
        machine: its rates.
        used: bytes that a process has there without weights.
        free: bytes that it can have beside.
        limit: bytes that it may have in all; None for what is free.
        devices: how many there are.
    """

    name: str
    kind: str
    machine: Machine
    used: int
    free: int
    limit: int | None
    devices: int = 1

    def room(self, weights: int) -> Room:
        """What there is on each device once the weights are, spread evenly."""
        n = self.devices
        return Room((self.used + weights) // n, (self.free - weights) // n, self.limit)

    @property
    def most(self) -> int:
        """Bytes that a process may have in all."""
        return self.used + self.free if self.limit is None else self.limit


def here(config: RunConfig, limit: int | None, n: int) -> Place:
    """This machine, whose rates are measured; n processes share its memory."""
    dtype = getattr(torch, config.dtype)
    used, free = psutil.Process().memory_info().rss, psutil.virtual_memory().available // n
    threads = torch.get_num_threads()
    name = f"this machine, {threads} thread{'s' * (threads > 1)}"
    return Place(name, "cpu", this_machine(dtype), used, free, None if limit is None else limit // n)


def there(on: Devices) -> Place:
    """Accelerators, by what is known of them."""
    memory = on.kind.memory * on.number
    return Place(str(on), "cuda", on.kind.machine(), CONTEXT * on.number, memory - CONTEXT * on.number, None, on.number)
