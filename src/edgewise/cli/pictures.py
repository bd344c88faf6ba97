"""What `draw` and `discover` share: make a run's pictures and put them into a folder."""

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


def draw_run(
    run: Run, out: Path | None = None, top: int | None = None, formats: Sequence[Format] | None = None
) -> tuple[Path, ...]:
    """Draw a run, write pictures and page, say what was left out of them, and return their paths."""
    from edgewise.report.pictures import BY_DEFAULT, picture_files
    from edgewise.report.scenes import run_choice
    from edgewise.runs.store.shown import write_shown

    written = write_shown(run, picture_files(run, top, formats or BY_DEFAULT), out)
    choice = run_choice(run, top)
    if choice.left_out and top is None:
        output.note(
            f"the picture shows the {len(choice.edges):,} strongest of {choice.total:,} edges; "
            f"`edgewise draw {shlex.quote(str(run.folder))} --strongest N` draws another number"
        )
    return written


def show_on_page(run: Run, report: Report) -> None:
    """Put what was measured of a run since onto its page, where it has one."""
    from edgewise.report.page.page import page
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.shown import PAGE, are_shown, write_shown

    if are_shown(run.folder, [PAGE]):
        report(Progress(DRAWING))
        write_shown(run, {PAGE: page(run).encode()})


def show_in_pictures(run: Run, report: Report) -> Path:
    """Draw a run that `discover` has finished, unless its pictures are there; return the page's path."""
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.shown import PAGE, PICTURES, are_shown

    if not (run.reused and are_shown(run.folder, (*PICTURES, PAGE))):
        report(Progress(DRAWING))
        draw_run(run)
    return run.folder / PAGE
