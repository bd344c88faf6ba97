"""What shows a run, put into a folder: its page, and pictures of it for papers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise.cli import output

if TYPE_CHECKING:
    from edgewise.report.pictures import Format
    from edgewise.runs.steps import Report
    from edgewise.runs.store.folder import Run

DRAWING = "drawing pictures"
PAGING = "making the page"


def draw_run(
    run: Run, out: Path | None = None, top: int | None = None, formats: Sequence[Format] | None = None
) -> tuple[Path, ...]:
    """Draw a run, write pictures and page, say what was left out of them, and return their paths."""
    from edgewise.report.page.page import page
    from edgewise.report.pictures import BY_DEFAULT, picture_files
    from edgewise.report.scenes import run_choice
    from edgewise.runs.store.shown import PAGE, write_shown

    # The page comes last: where it stands, all of them do.
    files = picture_files(run, top, formats or BY_DEFAULT) | {PAGE: page(run).encode()}
    written = write_shown(run, files, out)
    choice = run_choice(run, top)
    if choice.left_out and top is None:
        output.note(
            f"the picture shows the {len(choice.edges):,} strongest of {choice.total:,} edges; "
            f"`edgewise draw {shlex.quote(str(run.folder))} --strongest N` draws another number"
        )
    return written


def show_on_page(run: Run, report: Report) -> None:
    """Put what was measured of a run since onto its page, where it has one."""
    from edgewise.runs.store.shown import PAGE, are_shown

    if are_shown(run.folder, [PAGE]):
        write_page(run, report)


def show_found(run: Run, report: Report) -> Path:
    """Make the page of a run that `discover` has finished, unless it is there; return its path."""
    from edgewise.runs.store.shown import PAGE, are_shown

    if not (run.reused and are_shown(run.folder, [PAGE])):
        write_page(run, report)
    return run.folder / PAGE


def write_page(run: Run, report: Report) -> None:
    """Make a run's page, with all that was measured of it."""
    from edgewise.report.page.page import page
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.shown import PAGE, write_shown

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
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.beside import put_beside
    from edgewise.runs.store.folder import PAGE
    from edgewise.runs.store.results import write_files

    for run in runs:
        put_beside(run.folder, result)
        show_on_page(run, report)
    report(Progress(PAGING))
    (path,) = write_files(result.parent, {PAGE: page_of(runs, [result]).encode()})
    return path
