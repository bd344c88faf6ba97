"""What a long run tells whoever waits for it, and how long its steps took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from edgewise.settings.conditions import Conditions

PASSES = "forward passes of one prompt"
SCORING = "scoring prompts"


@dataclass(frozen=True)
class Forecast:
    """What is left of a long step.

    Args:
        passes: in forward passes of one prompt, or in another unit.
        seconds: about how long they take on this machine.
        unit: what is counted.
        text: all of it in words, where more is known.
    """

    passes: int
    seconds: float
    unit: str = PASSES
    text: str = ""

    def words(self) -> str:
        """The plan in words, such as ``"12,150 forward passes of one prompt, about 2 h 10 min"``."""
        return self.text or f"{self.passes:,} {self.unit}, about {duration(self.seconds)}"


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Args:
        step: what it is doing, e.g. ``"scoring prompts"``.
        done: how much of it is done.
        total: of how much; None while that is not known.
        plan: what is left to do, said once before a long step begins.
        part: how much is done beyond that, about, of what is not done as a whole.
    """

    step: str
    done: int = 0
    total: int | None = None
    plan: Forecast | None = None
    part: float = 0.0


Report: TypeAlias = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report nothing."""


@dataclass
class Moving:
    """Reports how far a step is, also in the midst of what is done as a whole.

    Args:
        report: told of both.
        last: what was reported last.
    """

    report: Report
    last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Report a state."""
        self.last = progress
        self.report(progress)

    def during(self, part: float) -> None:
        """Report so much beyond the last state."""
        if self.last is not None:
            self.report(replace(self.last, part=part, plan=None))


@dataclass(frozen=True)
class Execution:
    """How work is carried out, whatever it is; no part of what it finds.

    Args:
        overwrite: do it again, in place of what the folder holds; the old result stays until then.
        max_memory: bytes to use in all, as in `Conditions`. It decides nothing but how many prompts are run at a time,
            so work that was stopped may go on with another.
        report: called with the step and how far it is.
    """

    overwrite: bool = False
    max_memory: int | None = None
    report: Report = silent

    def conditions(self, batch_size: int | None) -> Conditions:
        """What a method is given, where so many prompts are asked for at a time."""
        return Conditions(batch_size, self.max_memory)

    def named(self, name: str) -> Execution:
        """The same, but each step says which part of the work it belongs to."""
        return replace(self, report=partial(_report_named, self.report, name))


@dataclass
class Steps:
    """Announces each step of a run and adds up its seconds.

    Args:
        report: called when a step begins, and by the step itself as it goes on.
        seconds: by step.
    """

    report: Report
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, key: str, words: str) -> Iterator[None]:
        """Time one step: `key` names it in `run.json`, `words` to the user."""
        self.report(Progress(words))
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - begun


def duration(seconds: float) -> str:
    """A length of time for people, such as ``"40 s"`` or ``"2 h 10 min"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60:,} h {minutes % 60} min"


def _report_named(report: Report, name: str, progress: Progress) -> None:
    report(replace(progress, step=f"{name}: {progress.step}"))
