"""From a config to a run folder.

1. A finished run of the same config, model files and data is read and handed back; where only the selection is another,
   the circuit is selected anew from its scores. Anything else in the folder is refused, unless the user overwrites it.
2. Load the model, check that the selection can be made of what will be scored, make or read the prompts; try a metric
   of the user's own on a first batch.
3. Score; the state goes to the disk now and then, and a run that was killed goes on from there.
4. Select the circuit from the scores as they are stored, look at example prompts while the model is there, and write
   everything in one step.
5. Where the rule asks for the smallest circuit that is good enough, measure which that is, and put it in the place.
6. Measure the faithfulness of that circuit, unless the config says not to; the same command again does what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from edgewise import processes
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.metric_trial import try_metric
from edgewise.errors import RunConflictError, ScoreError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.metrics import Metric, get_metric
from edgewise.metrics.own import is_own
from edgewise.runs.cautions import OfPrompts, cautions
from edgewise.runs.config import RunConfig
from edgewise.runs.data_checks import Measured, check_data, check_scores, compares
from edgewise.runs.examples import examples_of
from edgewise.runs.faithfulness import with_faithfulness
from edgewise.runs.methods import RunMethod, ScoringState, method_of, settled
from edgewise.runs.notes import notes
from edgewise.runs.plan.say import say_plan
from edgewise.runs.reselect import select_anew
from edgewise.runs.resume import run_to_end
from edgewise.runs.selection import require_fits, require_spread, stability_of
from edgewise.runs.setup import Setup, describe_model, describe_prompts, prepare
from edgewise.runs.shown_prompts import ShownPrompts, show_prompts
from edgewise.runs.sizing import with_size
from edgewise.runs.steps import SCORING, Execution, Moving, Steps
from edgewise.runs.store.folder import Run, as_stored, read_record, read_run, refuse_other, require_free, write_run
from edgewise.runs.store.lock import writing
from edgewise.runs.store.neurons import holds_neurons
from edgewise.runs.store.record import Counts, MetricSummary, RunRecord, differences, versions
from edgewise.tasks import PromptSet, load_task

# Prompts of which a run keeps the tokens, to be looked at.
SHOWN = 3


def discover(
    config: RunConfig,
    folder: str | Path,
    execution: Execution = Execution(),
) -> Run:
    """Score every edge, select a circuit, store the result, and measure the faithfulness of the circuit.

    Args:
        config: what to do.
        folder: where the result goes; made if need be. One process at a time may write there.
        execution: how it is carried out, `Execution`.

    Returns:
        The run; `reused` says that it was there already, `selected_anew` that its scores were, `unsized` and
        `unmeasured` why the size of its circuit, or what it keeps, could not be measured.

    Raises:
        RunConflictError: the folder holds another run, or another process is writing to it.
        EdgewiseError: anything wrong with the model, the prompts, the metric, the scores or the selection.
    """
    run, setup = _found(config, Path(folder), execution, examples=True)
    run = with_size(run, setup, execution)
    return with_faithfulness(run, setup, execution) if config.evaluate else run


def find_circuit(config: RunConfig, folder: str | Path, execution: Execution = Execution()) -> Run:
    """Do the same, and measure nothing of the circuit: for comparisons, which evaluate circuits themselves."""
    return _found(config, Path(folder), execution)[0]


def _found(config: RunConfig, folder: Path, execution: Execution, examples: bool = False) -> tuple[Run, Setup | None]:
    """The run, and its model and prompts where they were needed; `examples` are kept of these on request."""
    config = known(config)
    method = method_of(config)
    with writing(folder):
        if holds_neurons(folder):
            raise RunConflictError(f"{folder}: holds a run of neurons; choose another folder")
        if not execution.overwrite:
            require_free(folder, config)
            record = read_record(folder)
            if record is not None:
                refuse_other(folder, differences(record, replace(config, selection=record.config.selection)))
                run = read_run(folder, reused=True)
                same = record.config.selection == config.selection
                return (run if same else select_anew(run, config.selection)), None
        steps = Steps(execution.report)
        setup = prepare(
            config,
            None,
            steps,
            check=lambda model, prompts: _require_fits(method, config, graph_for(model, prompts)),
            read=lambda prompts: _check_prompts(method, config, prompts),
            opened_with=lambda opened, prompts: say_plan(config, opened, prompts, execution),
        )
        metric = method.metric(config, setup.prompts)
        if is_own(metric):
            try_metric(setup.model, setup.prompts.pairs, get_metric(metric), by_gradient=method.by_gradient)
        moving = Moving(steps.report)
        conditions = replace(execution.conditions(config.batch_size), during=moving.during)
        with steps.step("scoring", SCORING):
            state, earlier = run_to_end(
                lambda stored: method.states(config, setup.model, setup.prompts, conditions, stored),
                folder,
                setup.key,
                moving,
                SCORING,
                pace=method.pace(config, setup.model, setup.prompts),
                unit=method.unit,
                total=method.total(setup.prompts),
                stage=method.stage,
            )
        steps.seconds["scoring"] += earlier
        with steps.step("selection", "selecting the circuit"):
            scores = as_stored(state.scores(), config.dtype)
            circuit = method.circuit(config, state, scores)
        kept = None
        if examples:
            with steps.step("examples", "looking at example prompts"):
                kept = examples_of(setup.model, setup.prompts, get_metric(metric), state, scores, circuit, conditions)
        record = record_of(setup, method, state, scores, circuit, steps.seconds)
        write_run(folder, record, scores, circuit, method.trace(state), kept)
        return read_run(folder), setup


def _require_fits(method: RunMethod[Any], config: RunConfig, graph: Graph) -> None:
    """Refuse a selection that cannot be made of what the method will score, before it does."""
    require_fits(config.selection, graph, method.scored(config, graph))


def _check_prompts(method: RunMethod[Any], config: RunConfig, prompts: PromptSet) -> None:
    """Refuse prompts that do not suffice for the metric or the selection, before the model's weights are read."""
    get_metric(method.metric(config, prompts)).check(prompts.pairs)
    require_spread(config.selection, len(prompts))


def known(config: RunConfig) -> RunConfig:
    """Refuse unknown names before anything slow begins, and write the method's settings out."""
    config = settled(config)
    if config.metric is not None:
        get_metric(config.metric)
    if config.task is not None:
        load_task(config.task)
    return config


def record_of(
    setup: Setup,
    method: RunMethod[Any],
    state: ScoringState,
    scores: EdgeScores | NodeScores,
    circuit: Circuit,
    seconds: Mapping[str, float],
) -> RunRecord:
    """What `run.json` says of a finished run."""
    config, prompts, graph = setup.config, setup.prompts, setup.graph
    metric = get_metric(method.metric(config, prompts))
    rounded = {step: round(spent, 3) for step, spent in seconds.items()}
    return RunRecord(
        config=config,
        identity=setup.identity,
        versions=versions(),
        model=describe_model(setup.model),
        prompts=describe_prompts(prompts, _shown(setup, metric, state, scores)),
        metric=metric_summary(metric, state),
        counts=Counts(graph.n_edges, graph.n_sources, graph.n_destinations, circuit.n_edges, len(circuit.nodes())),
        rule=method.rule(config),
        stability=stability_of(config, scores, circuit),
        exact=method.exact(state, scores),
        batch_size=state.batch_size,
        passes=method.passes(config, state),
        timing=rounded | {"total": round(sum(seconds.values()), 3)},
        warnings=(*prompts.warnings, *cautions(setup, metric, state), *method.warnings(state)),
        notes=notes(circuit, scores, config.selection.by, config.method),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        processes=processes.size(),
    )


def _shown(setup: Setup, metric: Metric, state: ScoringState, scores: EdgeScores | NodeScores) -> ShownPrompts:
    clean, corrupted = (np.asarray(one, np.float64) for one in (state.clean_metric, state.corrupted_metric))
    measured = Measured(clean, corrupted, compares(metric)) if metric.higher_is_better else None
    shown = show_prompts(setup.prompts, setup.model.tokenizer, SHOWN)
    of_scores = check_scores(scores.values, scores.stderr)
    checks = check_data(setup.prompts.pairs, measured)
    shown = replace(shown, checks=(*checks, of_scores) if of_scores else checks)
    if not compares(metric):
        return shown
    values = zip(setup.prompts, state.clean_metric, strict=True)
    against = tuple(pair.row or place for place, (pair, value) in enumerate(values, start=1) if not value > 0)
    return replace(shown, against=against)


def metric_summary(metric: Metric, state: OfPrompts) -> MetricSummary:
    """What `run.json` says of a metric. Raises ScoreError where it is not finite."""
    clean, clean_stderr = _mean(metric.name, "clean", state.clean_metric)
    corrupted, corrupted_stderr = _mean(metric.name, "corrupted", state.corrupted_metric)
    return MetricSummary(
        metric.name, clean, clean_stderr, corrupted, corrupted_stderr, lower_is_better=not metric.higher_is_better
    )


def _mean(name: str, which: str, values: np.ndarray[Any, Any]) -> tuple[float, float | None]:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ScoreError(
            f"metric '{name}' of prompt {bad[0] + 1} is {values[bad[0]]} on the {which} run; "
            "check the model's weights, or use dtype float32"
        )
    stderr = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(values.mean()), stderr
