"""Pull the plug on a long call at one of its reports, and see how far it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgewise.runs.steps import Execution, Progress


class StopError(Exception):
    """The plug is pulled."""


def stopped(call: Callable[[Execution], object], at: Callable[[Progress], bool]) -> list[Progress]:
    """Run a call until the first report that is meant, and return what it had reported."""
    reports = list[Progress]()

    def told(progress: Progress) -> None:
        reports.append(progress)
        if at(progress):
            raise StopError

    with pytest.raises(StopError):
        call(Execution(report=told))
    return reports


def past_half(progress: Progress) -> bool:
    """Whether more than half of a step is done."""
    return progress.total is not None and progress.done > progress.total / 2
