"""Progress: what is being waited for, and how far it is.

A terminal and a notebook get a bar as soon as work takes longer than two seconds. It moves while nothing of a step is
done yet, and on a terminal says for how long the step has lasted. A log file gets one line for each step that lasts
longer than a few seconds. Nothing of it goes to stdout.
"""

from __future__ import annotations

import sys
import threading
import time
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from edgewise.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from edgewise.runs.steps import Progress

Own = TypeVar("Own", bound="ShownProgress")
BAR_AFTER = 2.0
LINE_AFTER = 5.0
# Seconds between two states of a bar in a notebook: each is a message to the browser.
REFRESH = 0.2
# Seconds from which on a step says beforehand what it will take.
SAY_FROM = 10.0
READING = "reading what is there"


class _View(Protocol):
    """Where progress is shown."""

    def show(self, step: str, done: int, total: int | None, part: float = 0.0) -> None: ...
    def stop(self) -> None: ...


class ShownProgress:
    """Takes progress reports and shows them; leaving its context takes the bar off the terminal."""

    def __init__(self, stop: str, began: float | None = None) -> None:
        """Show nothing yet.

        Args:
            stop: what to say, before a long step, of stopping it.
            began: when the work began, as `time.monotonic` has it; when the context is entered by default.
        """
        self._stop, self._began = stop, began
        self._view: _View | None = None

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        if progress.plan is not None and progress.plan.seconds >= SAY_FROM:
            _say(f"{visible(progress.step)}: {progress.plan.words()}; {self._stop}")
        if self._view is not None:
            self._view.show(visible(progress.step), progress.done, progress.total, progress.part)

    def __enter__(self: Own) -> Own:
        """Begin."""
        self._view = _view(READING, self._began)
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
            _say(f"{step}{count}")

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.say()


class InNotebook:
    """A bar of HTML, which needs nothing but IPython."""

    def __init__(self, step: str, began: float | None = None) -> None:
        """Begin the two seconds."""
        self._due = (time.monotonic() if began is None else began) + BAR_AFTER
        self._handle: Any = None

    def show(self, step: str, done: int, total: int | None, part: float = 0.0) -> None:
        """Show how far a step is, where that is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + REFRESH
        self._put(_html(step, done, total, part))

    def stop(self) -> None:
        """Take it away."""
        if self._handle is not None:
            self._put("")

    def _put(self, html: str) -> None:
        from IPython.display import HTML, display

        if self._handle is None:
            self._handle = display(HTML(html), display_id=True)
        else:
            self._handle.update(HTML(html))


def _html(step: str, done: int, total: int | None, part: float) -> str:
    count, far = "" if total is None else f" {done:,}/{total:,}", done + part
    known = f' value="{far:g}" max="{total}"' if total and far else ""
    return f"<progress{known}></progress> {escape(step)}{count}"


def _view(step: str, began: float | None) -> _View:
    if _in_notebook():
        return InNotebook(step, began)
    return OnTerminal(step, began) if sys.stderr.isatty() else InLog(step)


def _in_notebook() -> bool:
    """Whether what is displayed goes to a browser; nothing is imported to find out."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return running is not None and getattr(running, "kernel", None) is not None


def _say(words: str) -> None:
    sys.stderr.write(f"edgewise: {words}\n")
    sys.stderr.flush()


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
