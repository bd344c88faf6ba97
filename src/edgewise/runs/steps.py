"""What a long run tells whoever waits for it, and how long its steps took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

PASSES = "forward passes of one prompt"
SCORING = "scoring prompts"


@dataclass(frozen=True)
class Forecast:
    """What is left of a long step.

    Args:
        passes: in forward passes of one prompt, or in another unit.
        seconds: about how long they take on this machine.
        unit: what is counted.
    """

    passes: int
    seconds: float
    unit: str = PASSES

    def words(self) -> str:
        """The plan in words, such as ``"12,150 forward passes of one prompt, about 2 h 10 min"``."""
        return f"{self.passes:,} {self.unit}, about {duration(self.seconds)}"


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Args:
        step: what it is doing, e.g. ``"scoring prompts"``.
        done: how much of it is done.
        total: of how much; None while that is not known.
        plan: what is left to do, said once before a long step begins.
    """

    step: str
    done: int = 0
    total: int | None = None
    plan: Forecast | None = None


Report: TypeAlias = Callable[[Progress], None]


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


def silent(progress: Progress) -> None:
    """Report nothing."""
