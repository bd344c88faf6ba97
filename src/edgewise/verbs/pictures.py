"""The pictures and the page that come with a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise.runs.steps import Execution, Progress, Report
from edgewise.runs.store.folder import Run
from edgewise.runs.store.results import write_files
from edgewise.runs.store.shown import PAGE, PICTURES, are_shown, write_shown

if TYPE_CHECKING:
    from edgewise.report.files import Picture

DRAWING = "drawing pictures"


def show_in_pictures(run: Run, report: Report) -> Path:
    """Draw a run that `discover` has finished, unless its pictures are there; return the page's path."""
    from edgewise.report.pictures import picture_files

    if not (run.reused and are_shown(run.folder, (*PICTURES, PAGE))):
        report(Progress(DRAWING))
        write_shown(run, picture_files(run))
    return run.folder / PAGE


def show_on_page(run: Run, report: Report) -> None:
    """Put what was measured of a run since onto its page, where it has one."""
    from edgewise.report.page.page import page

    if are_shown(run.folder, [PAGE]):
        report(Progress(DRAWING))
        write_shown(run, {PAGE: page(run).encode()})


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
