"""How much of the behaviour the circuit of a run of neurons keeps, on held-out prompts; stored beside the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewise.errors import DataError, RunConflictError
from edgewise.evaluation.neurons import evaluating_neurons
from edgewise.runs.config import RunConfig
from edgewise.runs.evaluated import EvaluatedPrompts
from edgewise.runs.evaluated_circuit import DECIDING, HELD_OUT, config_after
from edgewise.runs.identity import changed, content_digest, identity
from edgewise.runs.model_answers import selected
from edgewise.runs.prompts import prompts_of
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.analysis import FILES, Analysis, StoredResults, measured
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.neuron_record import NeuronEvaluated
from edgewise.runs.store.neurons import EVALUATION, RECORD, NeuronRun, load_neuron_run
from edgewise.runs.store.record import versions
from edgewise.runs.trust import require_trust

EVALUATING = "evaluating the circuit"


def evaluate_neuron_run(
    folder: Path, given: Mapping[str, Any], execution: Execution = Execution(), *, curve: bool = True, random: int = 0
) -> StoredResults[NeuronEvaluated]:
    """Measure a run's circuit on held-out prompts, and circuits of ten sizes; stored beside the run.

    Args:
        folder: of a finished run of neurons.
        given: fields of the config that are other than the run's own.
        execution: how it is carried out, `Execution`.
        curve: False leaves the sizes out.
        random: random circuits of each size.

    Raises:
        RunConflictError: another evaluation is stored there, or files have changed since the run.
        EdgewiseError: anything wrong with the model, the prompts or the metric.
    """
    run = load_neuron_run(folder)
    require_trust(str(folder), run.config, bool(given.get("trust_remote_code")))
    return measure_circuit(run, None, given, execution, name=EVALUATION, random=random if curve else None)


def measure_circuit(
    run: NeuronRun,
    setup: Setup | None,
    given: Mapping[str, Any],
    execution: Execution,
    *,
    name: str,
    random: int | None,
) -> StoredResults[NeuronEvaluated]:
    """Measure the circuit, and with a number of random circuits the curves too."""
    config, steps = config_after(run.config, given, HELD_OUT), Steps(execution.report)
    now = identity(config) if setup is None else dict(setup.identity)
    same = [
        part for part in ("model", "config", "data", "metric") if getattr(config, part) == getattr(run.config, part)
    ]
    other = changed(run.record.identity, {part: now.get(part) for part in same})
    if other:
        raise RunConflictError(
            f"{run.folder}: since the circuit was found, {'; '.join(other)}; put them back, or run"
            " `edgewise discover` again with --overwrite"
        )
    asked = {name: to_json(config)[name] for name in DECIDING} | {
        "circuit": content_digest(run.folder / RECORD),
        "random": random,
        FILES: now,
    }
    analysis = Analysis(run.folder, name)
    return measured(
        analysis,
        asked,
        NeuronEvaluated,
        lambda: _measure(run, setup, config, analysis, asked, execution, steps, random),
        overwrite=execution.overwrite,
    )


def _measure(
    run: NeuronRun,
    setup: Setup | None,
    config: RunConfig,
    analysis: Analysis,
    asked: Mapping[str, Any],
    execution: Execution,
    steps: Steps,
    random: int | None,
) -> NeuronEvaluated:
    ready = _ready(run, setup, config, steps)
    prompts, metric = ready.prompts, config.metric or run.record.metric.name
    with steps.step("evaluation", EVALUATING):
        state, _ = run_to_end(
            lambda stored: evaluating_neurons(
                ready.model,
                prompts,
                run.circuit,
                scores=None if random is None else run.scores,
                by=run.config.selection.by,
                random=random or 0,
                seed=config.seed,
                metric=metric,
                conditions=execution.conditions(config.batch_size),
                stored=stored,
            ),
            analysis.folder,
            {"asked": asked, "prompts": prompts.fingerprint(), "versions": versions()},
            steps.report,
            EVALUATING,
            name=analysis.progress,
        )
    seen = prompts.fingerprint() == run.record.prompts.fingerprint
    note = "the circuit was found on these prompts, so the numbers say how well it fits them, no more" if seen else None
    about = EvaluatedPrompts(
        prompts.name, len(prompts), ready.config.divided, prompts.dropped, prompts.fingerprint(), note
    )
    return NeuronEvaluated(state.result(), about, versions(), prompts.warnings)


def _ready(run: NeuronRun, setup: Setup | None, config: RunConfig, steps: Steps) -> Setup:
    """The model and held-out prompts, or the run's own where there are none others."""
    if setup is None:
        try:
            return prepare(config, run.record.identity, steps)
        except DataError:
            return prepare(replace(config, split=run.config.split), run.record.identity, steps)
    with steps.step("prompts", "preparing prompts to measure the circuit on"):
        try:
            prompts = prompts_of(config, setup.model)
        except DataError:
            config = replace(config, split=run.config.split)
            prompts = prompts_of(config, setup.model)
        return replace(setup, config=config, prompts=selected(config, setup.model, prompts))
