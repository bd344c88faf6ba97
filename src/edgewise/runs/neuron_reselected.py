"""Another circuit of the scores of a run of neurons, as a run of its own; the run keeps the circuit that it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgewise.errors import FormatError, RunConflictError
from edgewise.runs.neuron_selection import require_rule, require_so_many, select_neurons
from edgewise.runs.neuron_sizing import with_neuron_size
from edgewise.runs.steps import Execution
from edgewise.runs.store.lock import LOCK, writing
from edgewise.runs.store.neurons import NeuronRun, load_neuron_run, record_with_circuit, write_neuron_run
from edgewise.runs.trust import require_trust
from edgewise.settings.selection import Selection


def reselect_neurons(
    folder: Path, selection: Selection, out: Path, execution: Execution = Execution(), *, trust: bool = False
) -> NeuronRun:
    """Write a folder with a run's scores and another circuit of them; with `keep` or `max_kl` sizes are measured.

    Args:
        folder: of a finished run of neurons.
        selection: the rule.
        out: the new run's folder; made if need be.
        execution: how sizes are measured, `Execution`.
        trust: whether code that the model carries may be run for that.

    Raises:
        FormatError: a file in the place of a folder.
        RunConflictError: the folder holds something already.
        SelectionError: more heads and neurons asked for than there are.
        RunError: a rule of edges.
    """
    run = load_neuron_run(folder)
    require_rule(selection)
    require_so_many(selection, run.scores.graph)
    if selection.measured:
        require_trust(str(folder), run.config, trust)
    if out.suffix:
        raise FormatError(f"--out {out}: a circuit of neurons goes into a folder of its own; give one")
    circuit, config = select_neurons(run.scores, selection), replace(run.config, selection=selection)
    record = record_with_circuit(run.record, config, circuit, selection.describe(config.level))
    with writing(out):
        there = next((path.name for path in out.iterdir() if path.name != LOCK), None)
        if there is not None:
            raise RunConflictError(f"{out}: holds {there} already; choose another folder")
        write_neuron_run(out, record, run.scores, circuit, run.edges)
    return with_neuron_size(load_neuron_run(out), None, execution)
