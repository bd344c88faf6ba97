"""The size of a circuit of heads and neurons, where the rule asks for the smallest that is good enough.

As for circuits of edges (`edgewise.runs.sizing`): measured on held-out prompts once the scores and a circuit of the
default size are stored, and the curve that was measured on the way is kept, as ``neurons-sizes.json``.
"""

from __future__ import annotations

from dataclasses import replace

from edgewise.errors import EdgewiseError, RunConflictError
from edgewise.evaluation.neuron_runs import NeuronRuns
from edgewise.evaluation.smallest.search import Sizes, SmallestSearch
from edgewise.evaluation.smallest.target import target_of
from edgewise.graph.neurons import NeuronCircuit
from edgewise.runs.neuron_selection import NEURONS_AND_HEADS, select_neurons
from edgewise.runs.neuron_unseen import Measuring
from edgewise.runs.setup import Setup
from edgewise.runs.sized import Sized
from edgewise.runs.sizing import searched, size_file
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.analysis import Analysis
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.lock import writing
from edgewise.runs.store.neurons import SIZES, NeuronRun, load_neuron_run, with_neuron_circuit
from edgewise.settings.selection import Selection


def with_neuron_size(run: NeuronRun, setup: Setup | None, execution: Execution) -> NeuronRun:
    """Return the run with the circuit of the size that its rule asks for, measured now if it was not yet.

    Args:
        run: finished and stored.
        setup: its model, where that is loaded already.
        execution: how it is carried out, `Execution`.

    Returns:
        The run; `unsized` says why where that failed, and then its circuit is of the default size.

    Raises:
        RunConflictError: the run's files have changed meanwhile.
    """
    if run.sized is not None or not run.config.selection.measured:
        return run
    try:
        measuring = Measuring.of(run, setup)
        with writing(run.folder):
            _replace(run, measured_size(measuring, run.config.selection, Analysis(run.folder, SIZES), execution))
    except RunConflictError:
        raise
    except EdgewiseError as error:
        return replace(run, unsized=str(error))
    return replace(load_neuron_run(run.folder), reused=run.reused)


def measured_size(measuring: Measuring, selection: Selection, analysis: Analysis, execution: Execution) -> Sized:
    """Find the size; the caller holds the folder's lock.

    Args:
        measuring: the run, and the prompts to measure on.
        selection: a rule that asks for the smallest circuit.
        analysis: where the state is kept.
        execution: how it is carried out, `Execution`.
    """
    run, target, steps = measuring.run, target_of(selection), Steps(execution.report)
    ready = measuring.ready(steps)
    search = SmallestSearch(
        ready.model,
        ready.prompts,
        Sizes(lambda n: select_neurons(run.scores, selection.of_size(n)).mask, len(run.scores), NEURONS_AND_HEADS),
        target,
        metric=measuring.metric,
        runs=lambda model, _, metric, kept: NeuronRuns(model, metric, kept, with_accuracy=False),
    )
    asked = measuring.asked | {"selection": to_json(selection)}
    return searched(search, ready, target, NEURONS_AND_HEADS, asked, measuring.about(ready), analysis, execution)


def _replace(run: NeuronRun, found: Sized) -> None:
    selection = run.config.selection
    circuit: NeuronCircuit = select_neurons(run.scores, selection.of_size(found.size))
    rule = f"{selection.describe(run.config.level)}: {found.size:,}"
    with_neuron_circuit(run, run.config, circuit, rule, {f"{SIZES}.json": size_file(selection, found)})
