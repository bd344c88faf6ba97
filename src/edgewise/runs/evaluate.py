"""From a circuit to `evaluation-<ablation>.json`: found again, resumed and refused as runs are.

1. The same question, of the same circuit, model and data, is answered from the file.
2. Load the model and the prompts, read the circuit, measure; the state goes to the disk now and then.
3. Write the numbers, without times, so that a resumed evaluation ends with the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewise.engine.run.metric_trial import try_metric
from edgewise.evaluation.evaluate import Evaluator
from edgewise.evaluation.result import Evaluation
from edgewise.graph.selection import has_path
from edgewise.metrics import get_metric
from edgewise.metrics.own import is_own
from edgewise.runs.evaluated import Evaluated, EvaluatedPrompts, evaluated
from edgewise.runs.evaluated_circuit import EvaluatedCircuit
from edgewise.runs.identity import changed
from edgewise.runs.notes import notes
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.analysis import Analysis, StoredResults, measured
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.record import versions
from edgewise.settings.conditions import Conditions
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.tasks import load_task

EVALUATING = "evaluating the circuit"


class Loaded:
    """One model at a time, with its prompts: what to give as `load` where several subjects share them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._setups: list[Setup] = []

    def setup(self, subject: EvaluatedCircuit, steps: Steps) -> Setup:
        """That of a subject; loaded again only where another is wanted."""
        if not self._setups or self._setups[0].config != subject.config or self._changed(subject):
            self._setups[:] = []
            self._setups.append(prepare(subject.config, subject.identity, steps))
        return self._setups[0]

    def _changed(self, subject: EvaluatedCircuit) -> bool:
        return bool(changed(self._setups[0].identity, subject.identity))


def evaluate(
    subject: EvaluatedCircuit,
    wanted: EvaluationRequest,
    folder: Path | None,
    execution: Execution = Execution(),
    *,
    load: Callable[[EvaluatedCircuit, Steps], Setup] | None = None,
    name: str | None = None,
) -> StoredResults[Evaluated]:
    """Evaluate a circuit, or read what an earlier evaluation found.

    Args:
        subject: the circuit, its model and its prompts.
        wanted: what is measured; its seed is that of the subject's config.
        folder: where the result goes; None stores nothing, and then a stopped evaluation begins again.
        execution: how it is carried out, `Execution`.
        load: gives a subject's model and prompts, for callers that evaluate several with the same.
        name: of the result's file; after the ablation by default.

    Raises:
        RunConflictError: the folder holds the answer to another question, or another process is writing to it.
        EdgewiseError: anything wrong with the model, the prompts, the metric or the circuit.
    """
    if subject.config.metric is not None:
        get_metric(subject.config.metric)
    if subject.config.task is not None:
        load_task(subject.config.task)
    wanted = replace(wanted, seed=subject.config.seed)
    steps, setup = Steps(execution.report), None
    if subject.identity["model"] is None:  # a hub model that is not in the local cache yet
        setup = (load or _load)(subject, steps)
        subject = replace(subject, identity=setup.identity)
    asked = to_json(wanted) | subject.asked
    with _kept_in(folder) as place:
        analysis = Analysis(place, name or f"evaluation-{wanted.ablation}")

        def measure() -> Evaluated:
            ready = setup or (load or _load)(subject, steps)
            conditions = execution.conditions(ready.config.batch_size)
            return _measure(subject, wanted, ready, analysis, asked, conditions, steps)

        found = measured(analysis, asked, Evaluated, measure, overwrite=execution.overwrite)
    return replace(found, path=None) if folder is None else found


def _load(subject: EvaluatedCircuit, steps: Steps) -> Setup:
    return prepare(subject.config, subject.identity, steps)


@contextmanager
def _kept_in(folder: Path | None) -> Iterator[Path]:
    """A folder of the user's, or one that is gone afterwards."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="edgewise-") as passing:
        yield Path(passing)


def _measure(
    subject: EvaluatedCircuit,
    wanted: EvaluationRequest,
    setup: Setup,
    analysis: Analysis,
    asked: Mapping[str, Any],
    conditions: Conditions,
    steps: Steps,
) -> Evaluated:
    metric = get_metric(setup.config.metric or setup.prompts.metric)
    if is_own(metric.name):
        try_metric(setup.model, setup.prompts.pairs, metric, by_gradient=False)
    circuit, scores = subject.read(setup.model.graph.spec)
    evaluator = Evaluator(
        setup.model, setup.prompts, circuit, wanted, metric=setup.config.metric, scores=scores, by=subject.by
    )
    with steps.step("evaluation", EVALUATING):
        state, _ = run_to_end(
            lambda stored: evaluator.states(conditions=conditions, stored=stored),
            analysis.folder,
            {"asked": asked, "prompts": setup.prompts.fingerprint(), "versions": versions()},
            steps.report,
            EVALUATING,
            name=analysis.progress,
            pace=evaluator.seconds_a_run,
        )
    found = evaluator.result(state)
    run = None if subject.run is None else subject.run.config
    said = notes(circuit, scores, subject.by, None if run is None else run.method, found)
    return _results(subject, setup, found, has_path(circuit), said)


def _results(
    subject: EvaluatedCircuit, setup: Setup, evaluation: Evaluation, path: bool, said: tuple[str, ...]
) -> Evaluated:
    found = replace(evaluation, warnings=(*setup.prompts.warnings, *evaluation.warnings))
    return evaluated(found, path, said, evaluated_prompts(subject, setup), versions())


def evaluated_prompts(subject: EvaluatedCircuit, setup: Setup) -> EvaluatedPrompts:
    """What is stored of the prompts that a circuit is measured on."""
    prompts = setup.prompts
    return EvaluatedPrompts(
        prompts.name,
        len(prompts),
        setup.config.divided,
        prompts.dropped,
        prompts.fingerprint(),
        subject.note(prompts),
    )
