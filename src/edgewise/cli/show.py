"""`edgewise show`: what a finished run found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson, Rows

EXAMPLES = """Examples:

edgewise show runs/demo

edgewise show runs/demo --rows 100

edgewise show runs/demo --json
"""


def show(
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    rows: Rows = 20,
    as_json: AsJson = False,
) -> None:
    """Show a finished run: best edges with standard errors, counts, the metric on clean and corrupted."""
    from edgewise.report.document import run_document, warnings
    from edgewise.report.text import show_run
    from edgewise.runs.store.folder import load_run
    from edgewise.runs.store.neurons import holds_neurons

    if holds_neurons(folder):
        _show_neurons(folder, rows, as_json)
        return
    run = load_run(folder)
    output.warn(warnings(run))
    if as_json:
        output.document("run", run_document(run, rows))
    else:
        output.result(show_run(run, rows))


def _show_neurons(folder: Path, rows: int, as_json: bool) -> None:
    from edgewise.report.neurons import neuron_warnings, neurons_document, show_neuron_evaluation, show_neurons
    from edgewise.runs.store.neurons import load_neuron_run

    run = load_neuron_run(folder)
    output.warn(neuron_warnings(run))
    if as_json:
        output.document("neurons", neurons_document(run, rows))
        return
    output.result(show_neurons(run, rows))
    if run.curves is not None:
        output.result(f"\n{show_neuron_evaluation(run.curves)}")
