"""Progress on stderr for anything that takes longer than two seconds.

A terminal gets a bar; a log file gets a line now and then.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from edgewise.cli.output import note
from edgewise.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from edgewise.runs.steps import Progress

BAR_AFTER = 2.0
LINE_EVERY = 30.0
# Seconds from which on a step says beforehand what it will take.
SAY_FROM = 10.0
STOP = "stop it at any time, the same command goes on"


class ShownProgress:
    """Takes progress reports and shows them; leaving its context takes the bar off the terminal."""

    def __init__(self, stop: str = STOP) -> None:
        """Begin the two seconds.

        Args:
            stop: what to say, before a long step, of stopping it.
        """
        self._stop = stop
        self._next_line = time.monotonic() + LINE_EVERY
        self._bar = _bar() if sys.stderr.isatty() else None
        self._task = self._bar.add_task("starting", total=None) if self._bar else None
        self._timer = threading.Timer(BAR_AFTER, self._bar.start) if self._bar else None

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        if progress.plan is not None and progress.plan.seconds >= SAY_FROM:
            note(f"{progress.step}: {progress.plan.words()}; {self._stop}")
        if self._bar is not None and self._task is not None:
            words, total = visible(progress.step), progress.total
            self._bar.update(self._task, description=words, completed=progress.done, total=total)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY
            count = "" if progress.total is None else f" {progress.done}/{progress.total}"
            note(f"{progress.step}{count}")

    def __enter__(self) -> ShownProgress:
        """Start the clock of the bar."""
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._timer is not None and self._bar is not None:
            self._timer.cancel()
            self._timer.join()
            self._bar.stop()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
