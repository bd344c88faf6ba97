"""From a finished run to how far its scores can be trusted.

1. Choose what to measure, going on from what the run has measured (`discover --exact`, whose scores are their exact
   effects): the edges of most doubt, |score| where the run has none; more by the run's own lot, whose chances go by the
   doubt, to state the remaining error; and some of all others at random, each alike, to count signs and what is found.
2. Patch each of them alone on the run's own prompts; the state goes to the disk now and then, and a verification that
   was stopped goes on from there.
3. Compare with the scores, and store both as ``verification.json`` beside the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgewise.engine.run.memory import fits
from edgewise.errors import RunConflictError, RunError
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.criteria import criteria
from edgewise.evaluation.verdict import verdict
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.stated_error import StatedError
from edgewise.runs.identity import changed, identity
from edgewise.runs.methods import get_method
from edgewise.runs.resume import run_to_end
from edgewise.runs.setup import Setup, prepare
from edgewise.runs.steps import Execution, Steps
from edgewise.runs.store.analysis import Analysis, measured
from edgewise.runs.store.either import AnyRun, load_any
from edgewise.runs.store.neurons import NeuronRun
from edgewise.runs.store.record import versions
from edgewise.runs.to_verify import AnyScores, Question, doubts_of, kept_of, question_of
from edgewise.runs.trust import require_same_metric, require_trust
from edgewise.runs.verification import DRAWN, LARGEST, NAME, VERIFIED, Effect, Verification
from edgewise.search import PatchingState, patching
from edgewise.search.exact.neurons import NeuronPatchingState, patching_neurons
from edgewise.search.exact.stated import stated
from edgewise.search.pace import seconds_a_prompt
from edgewise.settings.conditions import Conditions

Patching: TypeAlias = PatchingState | NeuronPatchingState
DEFAULT_EDGES = 500
MEASURING = "measuring exact effects"
_ALL_EXACT = "its scores are exact already, all measured by --exact; there is nothing to verify"


def verify(
    folder: str | Path,
    *,
    edges: int | None = DEFAULT_EDGES,
    top: int | None = None,
    top_k: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    trust_remote_code: bool = False,
    metric: str | None = None,
    execution: Execution = Execution(),
) -> Verification:
    """Measure the exact effect of some of a run's edges (or nodes) and compare it with their scores.

    Args:
        folder: that of a finished run.
        edges: how many are measured beside those that the run has; None, or as many as there are, for all, and then the
            result is exact.
        top: how many of these are those of most doubt; half by default. Of the rest a fifth is drawn by the run's lot,
            and the others evenly.
        top_k: the recall is that of so many; the size of the run's circuit by default.
        seed: of the draw.
        batch_size: prompts a micro-batch; that of the run by default.
        trust_remote_code: run code that the run's model carries.
        metric: the run's, named again where it is code of a file, which is not run otherwise.
        execution: how it is carried out, `Execution`.

    Raises:
        RunError: no finished run, or one whose scores are exact already.
        RunConflictError: another verification is stored there, or the files behind the run have changed.
        SelectionError: numbers out of range.
        EdgewiseError: anything wrong with the model or the prompts.
    """
    run = load_any(folder)
    require_trust(str(folder), run.config, trust_remote_code)
    require_same_metric(str(folder), run.config.metric, run.record.metric.name, metric)
    _require_estimates(run)
    _require_same_files(run)
    question = question_of(run, edges, top, top_k, seed, batch_size)
    asked, analysis = question.asked(seed), Analysis(run.folder, NAME)
    found = measured(
        analysis,
        asked,
        Verification,
        lambda: _measure(question, asked, analysis, execution),
        overwrite=execution.overwrite,
    )
    return replace(found.results, folder=run.folder, asked=asked, reused=found.reused)


def _require_estimates(run: AnyRun) -> None:
    if isinstance(run, NeuronRun):
        if run.scores.verified is not None and run.scores.verified.all():
            raise RunError(f"{run.folder}: {_ALL_EXACT}")
        return
    method = get_method(run.config.method)
    if not len(run.scores):
        raise RunError(
            f"{run.folder}: has a circuit and no scores, so there is nothing to verify; see how good its circuit is"
            " with `edgewise evaluate`"
        )
    if method.is_exact:
        raise RunError(
            f"{run.folder}: its scores are exact already (method '{method.name}'); verify a run that estimates"
        )
    if run.record.exact is not None and run.record.exact.measured == run.record.exact.scored:
        raise RunError(f"{run.folder}: {_ALL_EXACT}")
    if method.makes_circuit:
        raise RunError(
            f"{run.folder}: the scores of method '{method.name}' are effects in a circuit that shrinks, no estimates of"
            " patching each edge alone; see how good its circuit is with `edgewise evaluate`"
        )


def _require_same_files(run: AnyRun) -> None:
    other = changed(run.record.identity, identity(run.config))
    if other:
        raise RunConflictError(
            f"{run.folder}: its scores are of other files ({'; '.join(other)}); restore them, or run again with"
            " `edgewise discover --overwrite`"
        )


def _measure(question: Question, asked: dict[str, Any], analysis: Analysis, execution: Execution) -> Verification:
    run, steps = question.run, Steps(execution.report)
    setup = prepare(run.config, run.record.identity, steps)
    _require_same_prompts(run, setup)
    fingerprint = setup.prompts.fingerprint()
    conditions, pairs = _fitting(execution.conditions(question.batch_size), setup), setup.prompts.pairs
    states: Callable[..., Iterator[Patching]] = partial(_patching, question, setup, conditions)
    state, _ = run_to_end(
        states,
        analysis.folder,
        {"asked": asked, "prompts": fingerprint, "versions": versions()},
        steps.report,
        MEASURING,
        name=analysis.progress,
        # Of neurons the states count runs, not prompts.
        pace=None
        if isinstance(run, NeuronRun)
        else lambda at: seconds_a_prompt(setup.model, pairs, at.table.batch_size),
    )
    return _compared(question, state)


def _require_same_prompts(run: AnyRun, setup: Setup) -> None:
    now, then = setup.prompts.fingerprint(), run.record.prompts.fingerprint
    if now != then:
        raise RunConflictError(
            f"{run.folder}: its prompts are made otherwise now (fingerprint {then[:12]} there, {now[:12]} here); run"
            " again with `edgewise discover --overwrite`"
        )


def _fitting(asked: Conditions, setup: Setup) -> Conditions:
    """What was asked for, or less at a time where a memory limit says so."""
    if asked.batch_size is None or asked.max_memory is None:
        return asked
    return replace(asked, batch_size=min(asked.batch_size, fits(setup.model, setup.prompts.pairs, asked)))


def _patching(
    question: Question, setup: Setup, conditions: Conditions, stored: Mapping[str, npt.NDArray[Any]] | None
) -> Iterator[Patching]:
    """Patch what is to be measured, each alone."""
    run, chosen = question.run, question.chosen
    about: dict[str, Any] = {"metric": run.config.metric, "conditions": conditions, "stored": stored}
    if isinstance(run, NeuronRun):
        return patching_neurons(setup.model, setup.prompts, chosen, **about)
    only: BoolArray | tuple[str, ...] = chosen
    if isinstance(run.scores, NodeScores):
        only = tuple(run.scores.graph.sources[row] for row in np.flatnonzero(chosen))
    return patching(setup.model, setup.prompts, level=run.config.level, only=only, **about)


def _compared(question: Question, state: Patching) -> Verification:
    run, exact = question.run, _exact(question, state.scores())
    said = agreement(run.scores, exact, sample=question.sample, k=question.k)
    return Verification(
        metric=run.record.metric.name,
        n_prompts=run.record.prompts.n,
        batch_size=state.table.batch_size,
        unscored=_existing(run.scores) - question.sample.n,
        verdict=verdict(said, run.scores.what),
        criteria=criteria(said),
        agreement=said,
        effects=tuple(_effects(question, exact)),
        stated=_stated(question, exact),
    )


def _stated(question: Question, exact: AnyScores) -> StatedError | None:
    """How wrong the run's scores are, by what is certain and what the lot drew."""
    choice, scores = question.choice, question.run.scores
    if choice is None:
        return None
    return stated(choice, doubts_of(scores), scores.values, exact.values, kept=~question.verified)


def _exact(question: Question, measured: AnyScores) -> AnyScores:
    """What was measured now, and what the run measured."""
    found, verified = question.run.scores, question.verified
    spread = None
    if found.stderr is not None and measured.stderr is not None:
        spread = np.where(verified, found.stderr, measured.stderr)
    return replace(measured.of(np.where(verified, found.values, measured.values)), stderr=spread)


def _existing(scores: AnyScores) -> int:
    return scores.graph.n_edges if isinstance(scores, EdgeScores) else scores.values.size


def _effects(question: Question, exact: AnyScores) -> list[Effect]:
    """All that was measured, the most wrong first, equals in the graph's order."""
    scores, kept = question.run.scores, kept_of(question.run)
    even = np.zeros_like(question.scored)
    even[question.scored] = question.sample.drawn
    lot = even if question.choice is None else even | question.choice.drawn
    found = [
        Effect(
            scores.name_at(at),
            float(scores.values[at]),
            _number(scores.stderr, at),
            float(exact.values[at]),
            _number(exact.stderr, at),
            VERIFIED if question.verified[at] else DRAWN if lot[at] else LARGEST,
            bool(kept[at]),
        )
        for at in map(tuple, np.argwhere(question.known).tolist())
    ]
    return sorted(found, key=lambda effect: -abs(effect.error))


def _number(array: FloatArray | None, at: tuple[int, ...]) -> float | None:
    return None if array is None or np.isnan(array[at]) else float(array[at])
