"""The page and the pictures that come with a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise.runs.steps import Execution, Progress, Report
from edgewise.runs.store.beside import put_beside
from edgewise.runs.store.folder import PAGE, Run
from edgewise.runs.store.results import write_files
from edgewise.runs.store.shown import are_shown, write_shown

if TYPE_CHECKING:
    from edgewise.report.files import Picture

DRAWING = "drawing pictures"
PAGING = "making the page"


def show_on_page(run: Run, report: Report) -> None:
    """Put what was measured of a run since onto its page, where it has one."""
    if are_shown(run.folder, [PAGE]):
        write_page(run, report)


def show_found(run: Run, report: Report) -> Path:
    """Make the page of a run that `discover` has finished, unless it is there; return its path."""
    if not (run.reused and are_shown(run.folder, [PAGE])):
        write_page(run, report)
    return run.folder / PAGE


def write_page(run: Run, report: Report) -> None:
    """Make a run's page, with all that was measured of it."""
    from edgewise.report.page.page import page

    report(Progress(PAGING))
    write_shown(run, {PAGE: page(run).encode()})


def show_beside(result: Path, runs: Sequence[Run], report: Report) -> Path:
    """Put a result of several runs onto the page of each, and onto one page of all of them beside it.

    Args:
        result: its file.
        runs: what it is about, or those of them that a page holds.
        report: told that pages are made.

    Returns:
        The page of all.
    """
    from edgewise.report.page.page import page_of

    for run in runs:
        put_beside(run.folder, result)
        show_on_page(run, report)
    report(Progress(PAGING))
    (path,) = write_files(result.parent, {PAGE: page_of(runs, [result]).encode()})
    return path


def draw_result(execution: Execution, out: Path, name: str, picture: Callable[[], Picture]) -> None:
    """Draw a result into its folder, and say so to whoever waits.

    Args:
        execution: how it is carried out.
        out: the folder.
        name: of its files, without a suffix.
        picture: makes what is drawn.
    """
    from edgewise.report.files import picture_files

    execution.report(Progress(DRAWING))
    write_files(out, picture_files(name, picture()))
