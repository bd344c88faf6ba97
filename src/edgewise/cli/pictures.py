"""What `draw` and `discover` share: make a run's pictures and put them into a folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise.cli import output

if TYPE_CHECKING:
    from edgewise.report.pictures import Format
    from edgewise.runs.store.folder import Run


def draw_run(
    run: Run, out: Path | None = None, top: int | None = None, formats: Sequence[Format] | None = None
) -> tuple[Path, ...]:
    """Draw a run, write pictures and page, say what was left out of them, and return their paths."""
    from edgewise.report.pictures import BY_DEFAULT, picture_files
    from edgewise.runs.store.shown import write_shown

    written = write_shown(run, picture_files(run, top, formats or BY_DEFAULT), out)
    if top is None:
        note_left_out(run)
    return written


def note_left_out(run: Run) -> None:
    """Say what the picture of a run leaves out where nobody says how many edges it shows."""
    from edgewise.report.scenes import run_choice

    choice = run_choice(run)
    if choice.left_out:
        output.note(
            f"the picture shows the {len(choice.edges):,} strongest of {choice.total:,} edges; "
            f"`edgewise draw {shlex.quote(str(run.folder))} --strongest N` draws another number"
        )
