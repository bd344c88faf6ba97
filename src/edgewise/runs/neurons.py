"""From a config of level neuron to a folder: scores of all heads and neurons, a circuit of the best, what it keeps.

1. A finished run of the same config, model files and data is read and handed back.
2. Load the model and the prompts, score, measure the largest; the state goes to the disk now and then, and a run that
   was killed goes on from there.
3. Choose the circuit from the scores as they are stored, and write everything in one step.
4. Where the rule asks for the smallest circuit that is good enough, measure which that is, and put it in the place.
5. Measure the faithfulness of the circuit on held-out prompts, unless the config says not to.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from edgewise.attribution import METHODS
from edgewise.attribution.neurons import require_scores_neurons
from edgewise.engine.run.metric_trial import try_metric
from edgewise.errors import EdgewiseError, EdgewiseWarning, RunConflictError, RunError, SelectionError
from edgewise.evaluation.agreement import agreement
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.methods import estimate_of
from edgewise.metrics import get_metric
from edgewise.metrics.own import is_own
from edgewise.models import Model
from edgewise.models.neurons import neuron_graph
from edgewise.runs.cautions import cautions
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import metric_summary
from edgewise.runs.identity import changed, identity
from edgewise.runs.neuron_evaluation import measure_circuit
from edgewise.runs.neuron_selection import require_rule, require_so_many, select_neurons
from edgewise.runs.neuron_sizing import with_neuron_size
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, describe_model, describe_prompts, prepare
from edgewise.runs.shown_prompts import show_prompts
from edgewise.runs.steps import SCORING, Execution, Steps
from edgewise.runs.store.analysis import Analysis
from edgewise.runs.store.folder import RUN, refuse_other, require_free
from edgewise.runs.store.lock import writing
from edgewise.runs.store.names import VERIFICATION
from edgewise.runs.store.neuron_record import NeuronCounts, NeuronExact, NeuronRecord
from edgewise.runs.store.neurons import (
    EVALUATION,
    FAITHFULNESS,
    NeuronRun,
    load_neuron_run,
    neurons_as_stored,
    read_neuron_record,
    with_neuron_circuit,
    write_neuron_run,
)
from edgewise.runs.store.record import versions
from edgewise.search.exact.neuron_scores import NeuronScoringState, require_amount, scoring_neurons
from edgewise.settings import flag, read_settings, settings_json
from edgewise.tasks import PromptSet, load_task

MEASURING, EDGES = "measuring exact effects", "scoring edges of neurons"
# What of a config has no meaning for neurons, where it is not as by default.
_OF_EDGES = ("per_prompt", "bootstrap", "budget", "until", "positions", "readers")


def find_neurons(config: RunConfig, folder: Path, execution: Execution = Execution()) -> NeuronRun:
    """Score every head and neuron, choose a circuit, store the result, and measure the circuit's faithfulness.

    Args:
        config: what to do, ``level="neuron"``.
        folder: where the result goes; made if need be.
        execution: how it is carried out, `Execution`.

    Raises:
        RunConflictError: the folder holds another run, or another process is writing to it.
        EdgewiseError: anything wrong with the model, the prompts, the metric, the scores or the selection.
    """
    config = _known(config)
    run, setup = _found(config, folder, execution)
    run = with_neuron_size(run, setup, execution)
    if not config.evaluate or run.evaluated is not None:
        return run
    try:
        measure_circuit(run, setup, {}, replace(execution, overwrite=False), name=FAITHFULNESS, random=None)
    except RunConflictError:
        raise
    except EdgewiseError as error:
        return replace(run, unmeasured=str(error))
    return replace(load_neuron_run(folder), reused=run.reused, unsized=run.unsized)


def _known(config: RunConfig) -> RunConfig:
    """Refuse what neurons do not have before anything slow begins, and write the method's settings out."""
    method = estimate_of(config.method)
    require_scores_neurons(method)
    for name in _OF_EDGES:
        if getattr(config, name):
            raise RunError(f"{flag(name)} is of edges and nodes; leave it out with --level neuron")
    require_rule(config.selection)
    require_amount(config.method, config.exact)
    if config.metric is not None:
        get_metric(config.metric)
    if config.task is not None:
        load_task(config.task)
    kind = METHODS.load(method).settings
    return replace(config, settings=settings_json(read_settings(kind, config.settings, method)))


def _found(config: RunConfig, folder: Path, execution: Execution) -> tuple[NeuronRun, Setup | None]:
    """The run, and its model and prompts where they were needed."""
    with writing(folder):
        if (folder / RUN).is_file():
            raise RunConflictError(f"{folder}: holds a run of edges or nodes; choose another folder")
        record = None if execution.overwrite else read_neuron_record(folder)
        if record is None:
            if not execution.overwrite:
                require_free(folder, config)
            return _computed(config, folder, execution)
        same = replace(config, selection=record.config.selection)
        refuse_other(folder, record.config.differences(same) or changed(record.identity, identity(config)))
        run = load_neuron_run(folder)
        if record.config.selection == config.selection:
            return replace(run, reused=True), None
        return _anew(run, config), None


def _computed(config: RunConfig, folder: Path, execution: Execution) -> tuple[NeuronRun, Setup]:
    """Score, choose the circuit, and write both; the caller holds the folder's lock."""
    steps = Steps(execution.report)
    setup = prepare(config, None, steps, check=partial(_check, config))
    metric = config.metric or setup.prompts.metric
    if is_own(metric):
        try_metric(setup.model, setup.prompts.pairs, get_metric(metric), by_gradient=True)
    with steps.step("scoring", SCORING):
        state, earlier = run_to_end(
            lambda stored: scoring_neurons(
                setup.model,
                setup.prompts,
                method=config.method,
                settings=config.settings,
                exact=config.exact,
                edges=config.neuron_edges,
                metric=config.metric,
                conditions=execution.conditions(config.batch_size),
                stored=stored,
            ),
            folder,
            setup.key,
            steps.report,
            SCORING,
            total=len(setup.prompts),
            stage=_stage,
        )
    steps.seconds["scoring"] += earlier
    scores = neurons_as_stored(state.scores(), config.dtype)
    circuit, edges = select_neurons(scores, config.selection), None if state.edges is None else state.edges.edges()
    write_neuron_run(folder, _record(setup, state, scores, circuit, steps.seconds), scores, circuit, edges)
    return load_neuron_run(folder), setup


def _check(config: RunConfig, model: Model, _: PromptSet) -> None:
    """Refuse a model without neurons, and more nodes than there are, before anything is scored."""
    graph = neuron_graph(model)
    require_so_many(config.selection, graph)
    if config.neuron_edges > graph.n_neurons:
        raise SelectionError(f"--neuron-edges is {config.neuron_edges}, but the model has {graph.n_neurons} neurons")


def _anew(run: NeuronRun, config: RunConfig) -> NeuronRun:
    """Choose another circuit of a run's scores; what was measured of the one before goes, and a warning says so."""
    circuit = select_neurons(run.scores, config.selection)
    gone = [name for name in (EVALUATION, VERIFICATION) if Analysis(run.folder, name).path.is_file()]
    if gone:
        files = ", ".join(f"{name}.json" for name in gone)
        words = f"{run.folder}: its circuit was replaced, and with it went {files}; measure it again"
        warnings.warn(EdgewiseWarning(words), stacklevel=2)
    with_neuron_circuit(run, config, circuit, config.selection.describe(config.level))
    return load_neuron_run(run.folder)


def _stage(state: NeuronScoringState) -> str:
    """What is being done."""
    if state.edges is not None:
        return EDGES
    return SCORING if state.effects is None else MEASURING


def _record(
    setup: Setup, state: NeuronScoringState, scores: NeuronScores, circuit: NeuronCircuit, seconds: Mapping[str, float]
) -> NeuronRecord:
    config, prompts, graph, estimates = setup.config, setup.prompts, scores.graph, state.estimates
    metric = get_metric(config.metric or prompts.metric)
    rounded = {step: round(spent, 3) for step, spent in seconds.items()}
    return NeuronRecord(
        config=config,
        identity=setup.identity,
        versions=versions(),
        model=describe_model(setup.model),
        prompts=describe_prompts(prompts, show_prompts(prompts, setup.model.tokenizer, 3)),
        metric=metric_summary(metric, estimates),
        counts=NeuronCounts(graph.n_heads, graph.n_neurons, circuit.n_heads, circuit.n_neurons),
        rule=config.selection.describe(config.level),
        exact=_exact(scores),
        circuit=tuple(circuit),
        batch_size=estimates.batch_size,
        timing=rounded | {"total": round(sum(seconds.values()), 3)},
        warnings=(*prompts.warnings, *cautions(setup, metric, estimates)),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _exact(scores: NeuronScores) -> NeuronExact | None:
    if scores.verified is None or scores.estimated is None:
        return None
    n = int(scores.verified.sum())
    found = agreement(scores.estimated[scores.verified], scores.values[scores.verified])
    return NeuronExact(n, found.pearson.value, found.spearman.value, found.sign_agreement.value)
