"""How much of the behaviour the circuit of a run of neurons keeps, on held-out prompts; stored beside the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewise.evaluation.neurons import evaluating_neurons
from edgewise.runs.identity import content_digest
from edgewise.runs.neuron_unseen import Measuring
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.analysis import Analysis, StoredResults, measured
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
    measuring, analysis = Measuring.of(run, setup, given), Analysis(run.folder, name)
    asked = measuring.asked | {"circuit": content_digest(run.folder / RECORD), "random": random}
    return measured(
        analysis,
        asked,
        NeuronEvaluated,
        lambda: _measure(measuring, analysis, asked, execution, random),
        overwrite=execution.overwrite,
    )


def _measure(
    measuring: Measuring, analysis: Analysis, asked: Mapping[str, Any], execution: Execution, random: int | None
) -> NeuronEvaluated:
    run, steps = measuring.run, Steps(execution.report)
    ready = measuring.ready(steps)
    with steps.step("evaluation", EVALUATING):
        state, _ = run_to_end(
            lambda stored: evaluating_neurons(
                ready.model,
                ready.prompts,
                run.circuit,
                scores=None if random is None else run.scores,
                by=run.config.selection.by,
                random=random or 0,
                seed=measuring.config.seed,
                metric=measuring.metric,
                conditions=execution.conditions(measuring.config.batch_size),
                stored=stored,
            ),
            analysis.folder,
            {"asked": asked, "prompts": ready.prompts.fingerprint(), "versions": versions()},
            steps.report,
            EVALUATING,
            name=analysis.progress,
        )
    return NeuronEvaluated(state.result(), measuring.about(ready), versions(), ready.prompts.warnings)
