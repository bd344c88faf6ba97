"""What shows a run, put into a folder: its page, and pictures of it for papers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgewise.cli import output
from edgewise.errors import SettingError

if TYPE_CHECKING:
    from edgewise.report.pictures import Format
    from edgewise.runs.store.folder import Run
    from edgewise.runs.store.neurons import NeuronRun


def draw_neurons(
    run: NeuronRun, out: Path | None = None, top: int | None = None, formats: Sequence[Format] | None = None
) -> tuple[Path, ...]:
    """Draw a run of neurons, write picture and page, and return their paths. Raises SettingError for a number."""
    from edgewise.report.neuron_pictures import neuron_picture_files
    from edgewise.report.page.neurons import neuron_page
    from edgewise.report.pictures import BY_DEFAULT
    from edgewise.runs.store.names import PAGE
    from edgewise.runs.store.shown import write_shown

    if top is not None:
        raise SettingError("--strongest is of edges; leave it out for a run of neurons")
    files = neuron_picture_files(run, formats or BY_DEFAULT) | {PAGE: neuron_page(run).encode()}
    return write_shown(run, files, out)


def draw_run(
    run: Run, out: Path | None = None, top: int | None = None, formats: Sequence[Format] | None = None
) -> tuple[Path, ...]:
    """Draw a run, write pictures and page, say what was left out of them, and return their paths."""
    from edgewise.report.page.page import page
    from edgewise.report.pictures import BY_DEFAULT, picture_files
    from edgewise.report.scenes import run_choice
    from edgewise.runs.store.names import PAGE
    from edgewise.runs.store.shown import write_shown

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
