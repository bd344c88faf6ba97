"""A run of its own with another circuit of a finished run's scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewise.errors import RunConflictError
from edgewise.graph import Circuit
from edgewise.runs.methods import get_method
from edgewise.runs.reselect import record_with
from edgewise.runs.store.examples import read_examples
from edgewise.runs.store.folder import Run, write_run
from edgewise.runs.store.lock import LOCK, writing
from edgewise.settings.selection import Selection


def write_selected(run: Run, selection: Selection, circuit: Circuit, folder: Path) -> None:
    """Write a run folder with a run's scores and another circuit of them.

    Args:
        run: finished; it stays as it is.
        selection: the rule that chose the circuit.
        circuit: what it keeps.
        folder: the new run's; made if need be.

    Raises:
        RunConflictError: the folder holds something already.
        OSError: it cannot be written.
    """
    config = replace(run.config, selection=selection)
    record = record_with(run, config, circuit, selection, get_method(config.method).rule(config))
    with writing(folder):
        there = next((path.name for path in folder.iterdir() if path.name != LOCK), None)
        if there is not None:
            raise RunConflictError(f"{folder}: holds {there} already; choose another folder")
        write_run(folder, record, run.scores, circuit, examples=read_examples(run.folder))
