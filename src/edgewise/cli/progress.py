"""Progress on stderr: what is being waited for, and how far it is.

A terminal gets a bar as soon as a command takes longer than two seconds, from its first moment on: loading libraries is
a step too. It moves while nothing of a step is done yet, and says for how long the step has lasted. A log file gets one
line for each step that lasts longer than a few seconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import typer

from edgewise.cli.completion import ASKED
from edgewise.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from edgewise.runs.steps import Progress

BAR_AFTER = 2.0
LINE_AFTER = 5.0
# Seconds from which on a step says beforehand what it will take.
SAY_FROM = 10.0
STOP = "stop it at any time, the same command goes on"
LOADING, READING = "loading libraries", "reading what is there"


class _View(Protocol):
    """Where progress is shown."""

    def show(self, step: str, done: int, total: int | None, part: float = 0.0) -> None: ...
    def stop(self) -> None: ...


class ShownProgress:
    """Takes progress reports and shows them; leaving its context takes the bar off the terminal."""

    def __init__(self, stop: str = STOP) -> None:
        """Show nothing yet.

        Args:
            stop: what to say, before a long step, of stopping it.
        """
        self._stop = stop
        self._view: _View | None = None

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        if progress.plan is not None and progress.plan.seconds >= SAY_FROM:
            typer.echo(f"edgewise: {visible(progress.step)}: {progress.plan.words()}; {self._stop}", err=True)
        if self._view is not None:
            self._view.show(visible(progress.step), progress.done, progress.total, progress.part)

    def __enter__(self) -> ShownProgress:
        """Begin, or go on from what was shown while libraries were loaded."""
        began = clear()
        self._view = OnTerminal(READING, began) if sys.stderr.isatty() else InLog(READING)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._view is not None:
            self._view.stop()


class OnTerminal:
    """A bar of one step at a time."""

    def __init__(self, step: str, began: float | None = None) -> None:
        """Begin the two seconds.

        Args:
            step: what is being done at first.
            began: when the command began, as `time.monotonic` has it; now by default.
        """
        self.began = time.monotonic() if began is None else began
        self._bar, self._step = _bar(), step
        self._task = self._bar.add_task(step, total=None, count="")
        self._timer = threading.Timer(max(0.0, self.began + BAR_AFTER - time.monotonic()), self._bar.start)
        self._timer.daemon = True
        self._timer.start()

    def show(self, step: str, done: int, total: int | None, part: float = 0.0) -> None:
        """Show how far a step is; while nothing of it is done, the bar goes to and fro."""
        count, far = "" if total is None else f"{done:,}/{total:,}", done + part
        known = total if far else None
        if step != self._step:
            self._bar.remove_task(self._task)
            self._task, self._step = self._bar.add_task(step, total=known, count=count), step
        self._bar.update(self._task, total=known, completed=far, count=count)

    def stop(self) -> None:
        """Take it away."""
        self._timer.cancel()
        self._timer.join()
        self._bar.stop()


class InLog:
    """A line for a step that lasts, and no second one."""

    def __init__(self, step: str) -> None:
        """Begin with a step."""
        self._now, self._began, self._said = (step, 0, None), time.monotonic(), False
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    _now: tuple[str, int, int | None]

    def show(self, step: str, done: int, total: int | None, part: float = 0.0) -> None:
        """Take how far a step is."""
        if step != self._now[0]:
            self._began, self._said = time.monotonic(), False
        self._now = (step, done, total)

    def stop(self) -> None:
        """Say nothing more."""
        self._over.set()

    def say(self) -> None:
        """Say what is being done, where that has lasted and was not said."""
        step, done, total = self._now
        if not self._said and time.monotonic() >= self._began + LINE_AFTER:
            self._said = True
            count = "" if total is None else f" {done:,}/{total:,}"
            typer.echo(f"edgewise: {step}{count}", err=True)

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.say()


# What a terminal shows before a verb shows its steps.
_LOADING: list[OnTerminal] = []


@contextmanager
def loading(given: Sequence[str]) -> Iterator[None]:
    """Show on a terminal that libraries are loaded, until a verb shows its steps or prints.

    Args:
        given: the command line; help and completion, which load none, print by themselves.
    """
    shown = sys.stderr.isatty() and ASKED not in os.environ and not {"-h", "--help"} & set(given)
    if shown:
        _LOADING.append(OnTerminal(LOADING))
    try:
        yield
    finally:
        clear()


def clear() -> float | None:
    """Take away what says that libraries are loaded; return when the command began, where it was there."""
    began = None
    while _LOADING:
        view = _LOADING.pop()
        began = view.began
        view.stop()
    return began


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
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
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
