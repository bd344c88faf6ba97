"""The memory of a device: what is in use, what is free, and what a method may take of it."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import dataclass

import psutil
import torch

from edgewise import processes
from edgewise.errors import MemoryLimitError
from edgewise.settings.conditions import Conditions

# Of the memory that is free when nobody says how much to use; the rest is left to others.
SHARE_OF_FREE = 0.8


@dataclass(frozen=True)
class Room:
    """The memory of a device, once the model is there.

    Args:
        used: bytes in use.
        free: bytes that nobody uses.
        limit: bytes that may be in use; None for what is free, but a share that is left to others.
    """

    used: int
    free: int
    limit: int | None = None

    @classmethod
    def now(cls, device: torch.device, max_memory: int | None) -> Room:
        """Of this process; the limit is one of all that share the machine's memory."""
        return cls(used(device), free(device), own_share(max_memory, device))

    @property
    def left(self) -> float:
        """Bytes that a pass may take."""
        return SHARE_OF_FREE * self.free if self.limit is None else self.limit - self.used


@dataclass(frozen=True)
class Allowances:
    """What a method may use that keeps something of every prompt, on each device."""

    each: tuple[Allowance, ...]

    @classmethod
    def now(cls, devices: Iterable[torch.device], conditions: Conditions) -> Allowances:
        """Before the first prompt."""
        return cls(tuple(Allowance.now(device, conditions) for device in devices))

    def require(self, done: int, total: int) -> None:
        """Refuse, after the first prompts, what will not fit for all; raises as `Allowance.require`."""
        for one in self.each:
            one.require(done, total)


@dataclass(frozen=True)
class Allowance:
    """The same on one device.

    Args:
        device: where it is kept.
        limit: bytes in use at the most.
        before: bytes that were in use before the first prompt.
    """

    device: torch.device
    limit: int
    before: int

    @classmethod
    def now(cls, device: torch.device, conditions: Conditions) -> Allowance:
        """Before the first prompt; where no limit is given, of what is free now."""
        room = Room.now(device, conditions.max_memory)
        return cls(device, room.used + int(room.left) if room.limit is None else room.limit, room.used)

    def require(self, done: int, total: int) -> None:
        """Refuse, after the first prompts, what will not fit for all.

        Raises:
            MemoryLimitError: naming how many prompts would fit.
        """
        each = max(0, used(self.device) - self.before) / done
        if done < total and self.before + each * total > self.limit:
            fits = int((self.limit - self.before) // each)
            raise MemoryLimitError(
                f"{shown(self.limit)} of memory are too little to keep the runs of {total:,} prompts, which take about"
                f" {shown(int(self.before + each * total))}; give {max(fits, 1):,} prompts or fewer, or more memory"
            )


def release(device: torch.device) -> None:
    """Give back what a failed micro-batch had taken; circles that Python has not looked for yet hold some of it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def has_room(size: int, device: torch.device) -> bool:
    """Whether so many bytes are at most half of what is free."""
    return 2 * size <= free(device)


def shown(size: int) -> str:
    """A number of bytes for people, such as ``"1.5 GB"``."""
    if size < 1e6:
        return f"{size:,} bytes"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def own_share(limit: int | None, device: torch.device) -> int | None:
    """What this process may use of what all on this machine may."""
    return None if limit is None else limit // (processes.here() if device.type == "cpu" else 1)


def used(device: torch.device) -> int:
    """Bytes that this process has there."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


def free(device: torch.device) -> int:
    """Bytes that it can have there beside."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + cached)
    return int(psutil.virtual_memory().available) // processes.here()
