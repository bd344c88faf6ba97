"""How a run is carried out, which changes no result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from edgewise.settings.read import check
from edgewise.settings.setting import setting
from edgewise.settings.texts import read_size


@dataclass(frozen=True)
class BatchSettings:
    """How many prompts are run at a time; a run keeps to what it began with."""

    title: ClassVar[str] = "Model and machine"

    batch_size: int | None = setting(None, help="Prompts at a time.", least=1, shown_default="what memory allows")


@dataclass(frozen=True)
class MemorySettings:
    """How much memory may be used; no part of what a run is."""

    title: ClassVar[str] = "Model and machine"

    max_memory: int | None = setting(
        None,
        help="Memory to use in all, such as 8GB.",
        least=1,
        read=read_size,
        shown_default="what is free",
        metavar="SIZE",
        changes_result=False,
    )


@dataclass(frozen=True)
class ProcessSettings:
    """How many processes share the work; no part of what a run is."""

    title: ClassVar[str] = "Model and machine"

    processes: int = setting(
        1, help="Processes that share the work, begun by torch's launcher.", least=1, changes_result=False
    )


def unheard(part: float) -> None:
    """Nobody waits."""


@dataclass(frozen=True)
class Conditions(MemorySettings, BatchSettings):
    """What every method that runs the model is given: how much at a time. No result changes but by rounding.

    The device is the model's.

    Args:
        batch_size: prompts run at a time; by default what memory allows. A method that is resumed goes on with the
            number that it was begun with.
        max_memory: bytes that the process (on CUDA: this device) may use in all; by default what is free. It sets the
            number of prompts where ``batch_size`` does not. Memory that runs out all the same halves that number.
        during: told how much of the prompts that run just now is done, from 0 to how many they are, about: by layers
            that have run, forward and backward, of those that the method's passes have.

    Raises:
        SettingError: a number below one.
    """

    during: Callable[[float], None] = field(default=unheard, compare=False, repr=False, metadata={"no setting": True})

    def __post_init__(self) -> None:
        """Check the values."""
        check(self)
