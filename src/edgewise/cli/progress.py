"""Progress of a command, from its first moment on: loading libraries is a step too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edgewise.cli.completion import ASKED
from edgewise.verbs import progress
from edgewise.verbs.progress import OnTerminal

STOP = "stop it at any time, the same command goes on"
LOADING = "loading libraries"
# What a terminal shows before a verb shows its steps.
_LOADING: list[OnTerminal] = []


class ShownProgress(progress.ShownProgress):
    """Goes on from what was shown while libraries were loaded."""

    def __init__(self, stop: str = STOP) -> None:
        """Take what was shown away; `stop` as there."""
        super().__init__(stop, clear())


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
