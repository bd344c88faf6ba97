"""What a circuit of several sets of prompts keeps of each, beside the set's own circuit and random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt

from edgewise.evaluation.measures import Values, faithfulness
from edgewise.evaluation.specificity import kept_values, random_circuits
from edgewise.graph import Circuit
from edgewise.runs.contest.shared_result import KeptOfSet
from edgewise.runs.evaluated_circuit import EvaluatedCircuit
from edgewise.runs.identity import identity
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, opened_model
from edgewise.runs.steps import Execution, Progress, Steps
from edgewise.runs.store.analysis import Analysis
from edgewise.runs.store.folder import Run
from edgewise.runs.store.record import versions
from edgewise.runs.unseen import on_unseen
from edgewise.tasks import PromptSet

MEASURING = "measuring circuits on every set of prompts"
# What `on_unseen` puts a set's own into.
_NO_PROMPTS = PromptSet("", ())


@dataclass(frozen=True)
class _State:
    """The metric of every prompt under every circuit, of the sets that are done."""

    of_sets: tuple[Values, ...]
    total: int

    @property
    def done(self) -> int:
        return len(self.of_sets)

    @property
    def finished(self) -> bool:
        return self.done == self.total

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        return {str(number): values for number, values in enumerate(self.of_sets)}


def kept_of_sets(
    runs: Sequence[Run],
    circuit: Circuit,
    random: int,
    batch_size: int | None,
    analysis: Analysis,
    asked: Mapping[str, Any],
    execution: Execution,
) -> tuple[KeptOfSet, ...]:
    """Measure a circuit of several sets, each set's own and random ones on every set's held-out prompts.

    Args:
        runs: one a set, of one model.
        circuit: what they share.
        random: how many random circuits of its size.
        batch_size: prompts a run; None for what memory allows.
        analysis: where the state goes after each set.
        asked: what the result is of.
        execution: how it is carried out.
    """
    steps, config = Steps(execution.report), runs[0].config
    with steps.step("model", f"loading {config.model}"):
        model = opened_model(config).load()
    subjects: list[tuple[EvaluatedCircuit, Setup]] = []
    for run in runs:
        ready = Setup(run.config, model, _NO_PROMPTS, identity(run.config))
        subjects.append(on_unseen(run, ready, execution, trust=True))
    masks = [circuit.mask, *(run.circuit.mask for run in runs), *random_circuits(circuit, random, config.seed)]
    conditions = execution.conditions(batch_size)

    def states(stored: Mapping[str, npt.NDArray[Any]] | None) -> Iterator[_State]:
        state = _State(tuple(stored[str(number)] for number in range(len(stored))) if stored else (), len(runs))
        yield state
        while not state.finished:
            subject, setup = subjects[state.done]
            before = state.done

            def report(done: int, before: int = before, n: int = len(setup.prompts)) -> None:
                steps.report(Progress(MEASURING, before, len(runs), part=done / n))

            values = kept_values(
                model, setup.prompts, masks, metric=subject.config.metric, conditions=conditions, report=report
            )
            state = replace(state, of_sets=(*state.of_sets, values))
            yield state

    key = {
        "asked": dict(asked),
        "prompts": [setup.prompts.fingerprint() for _, setup in subjects],
        "versions": versions(),
    }
    with steps.step("evaluation", MEASURING):
        state, _ = run_to_end(states, analysis.folder, key, steps.report, MEASURING, name=analysis.progress)
    every = zip(runs, state.of_sets, subjects, strict=True)
    return tuple(
        _kept_of(run, values, subject.note(setup.prompts), len(runs)) for run, values, (subject, setup) in every
    )


def _kept_of(run: Run, values: Values, note: str | None, n_sets: int) -> KeptOfSet:
    full, empty, common, *others = values
    f, stderr = faithfulness(common, full, empty)
    shares = [faithfulness(one, full, empty)[0] for one in others]
    return KeptOfSet(
        name=run.record.prompts.name,
        n=len(full),
        note=note,
        full=float(full.mean()),
        empty=float(empty.mean()),
        shared=f,
        shared_stderr=stderr,
        own=tuple(shares[:n_sets]),
        random=tuple(shares[n_sets:]),
    )
