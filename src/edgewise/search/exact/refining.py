"""Estimate, doubt, measure: cheap estimates of all edges, exact effects of some, and how wrong the others can be.

1. Score every edge by a method of attribution.
2. Score every edge by a second one, on the few prompts on which the first gives the largest scores: where the two
   disagree, the first is in doubt. On these prompts the second takes the first's place for edges whose mean it changes
   much: a derivative that is far off on one prompt outweighs all the others.
3. Patch exactly, each alone, the edges of most doubt for what they cost, and some of the others that a lot draws
   (`edgewise.search.exact.choice`). What was drawn tells how wrong the rest is (`edgewise.search.exact.stated`).
4. Where a goal for that is given, go on measuring, round after round, until it is reached or the budget ends.

All of it is one state, so that a pass that was stopped anywhere goes on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgewise.attribution import METHODS, AttributionState, attribute
from edgewise.engine.run.inputs import AnyMetric, metric_for
from edgewise.engine.run.passes import Passes
from edgewise.errors import ScoreError, SelectionError, UnsupportedModelError, VanishingGradientError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.exact.choice import Choice, Doubt, doubt
from edgewise.search.exact.combined import combined
from edgewise.search.exact.patching import PatchingState, patch_edges, patching
from edgewise.search.exact.spending import Spending, forward_passes
from edgewise.search.exact.stated import StatedError, stated
from edgewise.search.exact.targets import costs_of
from edgewise.settings import read_settings
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import Level
from edgewise.tasks import PromptPair, PromptSet

Scores = EdgeScores | NodeScores
Stage = Literal["first", "second", "exact"]
Tensors = Mapping[str, npt.NDArray[Any]]
REFUSES = (UnsupportedModelError, VanishingGradientError)
SHARE, FEWEST, MOST = 8, 3, 8
"""The second estimate is of one prompt in eight, of at least three and of eight at the most."""
MUCH, OF = 0.1, 20
"""A change of this share of the twentieth largest score is much."""


def second_of(method: str) -> str:
    """The method whose estimates those of another are held against: ``secant-mid``, and ``eap`` for a secant's own.

    Derivatives are right for small changes and finite differences for large ones, so that each knows where the other
    fails.
    """
    return "eap" if "secant" in method and method != "eap-secant" else "secant-mid"


def how_many(n: int) -> int:
    """Of how many of n prompts there is a second estimate."""
    return min(n, max(FEWEST, min(MOST, n // SHARE)))


@dataclass(frozen=True, eq=False)
class RefiningState:
    """Where the stages stand.

    Args:
        first: the pass of the method asked for.
        second: that of the second method, on some of the prompts; None before it begins, or where it refuses.
        exact: those of activation patching, a round each; none before the first begins.
        refusal: why there are no second estimates; empty where there are.
        both: the first estimates with the second in their place where that changes much, once both are there.
        unsure: how much is in doubt, likewise.
        choice: what is measured after the last of these rounds.
        enough: whether no further round follows.
        goal: what R squared was to be at least, by its limit; None for no goal.
        method: that of the first pass: the one asked for, or the second where its gradients vanish.
    """

    first: AttributionState
    second: AttributionState | None = None
    exact: tuple[PatchingState, ...] = ()
    refusal: str = ""
    both: AttributionState | None = None
    unsure: Doubt | None = None
    choice: Choice | None = None
    enough: bool = False
    goal: float | None = None
    method: str = "eap"

    @property
    def estimates(self) -> AttributionState:
        """Those that are measured, or not: of both methods, once they are there."""
        return self.first if self.both is None else self.both

    @property
    def stage(self) -> Stage:
        """What is being done."""
        if self.exact:
            return "exact"
        return "first" if self.second is None else "second"

    @property
    def _now(self) -> AttributionState | PatchingState:
        return self.exact[-1] if self.exact else self.second or self.first

    @property
    def finished(self) -> bool:
        """Whether all that was chosen is measured, and no further round follows."""
        return self.enough and all(part.finished for part in self.exact)

    @property
    def done(self) -> int:
        """How much of the stage is done: prompts, and then forward passes of one prompt."""
        return self._now.done

    @property
    def total(self) -> int:
        """Of how much."""
        return self._now.total

    @property
    def batch_size(self) -> int:
        """Prompts a micro-batch of the first stage."""
        return self.first.batch_size

    @property
    def planned_batch_size(self) -> int:
        """The same as it was at the start."""
        return self.first.planned_batch_size

    @property
    def clean_metric(self) -> npt.NDArray[np.float64]:
        """The metric of every prompt on the clean run, ``[n_prompts]``."""
        return self.first.clean_metric

    @property
    def corrupted_metric(self) -> npt.NDArray[np.float64]:
        """Likewise on the corrupted run."""
        return self.first.corrupted_metric

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        arrays = {"refusal": np.frombuffer(self.refusal.encode(), dtype=np.uint8)} if self.refusal else {}
        parts: dict[str, AttributionState | PatchingState | None] = {"first": self.first, "second": self.second}
        parts |= {f"exact{number}": part for number, part in enumerate(self.exact)}
        for stage, part in parts.items():
            arrays |= {f"{stage}.{name}": array for name, array in (part.tensors() if part else {}).items()}
        return arrays

    def scores(self) -> Scores:
        """Exact effects where they were measured, and the estimates elsewhere.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError("exact effects are not all measured yet; finish the pass first")
        return self._so_far

    @cached_property
    def _so_far(self) -> Scores:
        scores = self.estimates.scores()
        for part in self.exact:
            scores = combined(scores, part.scores())
        return scores

    def stated(self) -> StatedError | None:
        """How wrong the scores are, by what was drawn; None where too little was."""
        if self.choice is None or self.unsure is None:
            return None
        exact, estimates = self._so_far.values, self.estimates.scores().values
        return stated(self.choice, self.unsure.sizes, estimates, exact)


@one_at_a_time
def refining(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    spending: Spending = Spending(),
    *,
    method: str = "eap",
    settings: Mapping[str, Any] | None = None,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    per_prompt: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    conditions: Conditions = Conditions(),
    stored: Tensors | None = None,
) -> Iterator[RefiningState]:
    """Score every edge and measure some: yields the state after every run, the last one finished.

    Where the second method refuses the model, or its gradients vanish, the doubt is |score| alone.

    All other arguments are those of `attribute`.

    Args:
        spending: how many are measured, `Spending`; by default as many as cost what the estimates cost.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        SettingError: a budget that the estimates use up.
    """
    measured = metric_for(prompts, metric)
    shared: dict[str, Any] = {"metric": measured, "level": level, "conditions": conditions}
    kept: dict[str, Any] = {"per_prompt": per_prompt, "bootstrap": bootstrap, "seed": seed}
    pairs, refusal = tuple(prompts), ""
    if measured.flat_at_clean and not measured.flat_everywhere and not METHODS.load(method).beyond_clean:
        refusal = f"metric {measured.name!r} has no gradient at the clean run: estimates are {second_of(method)}'s"
        method, settings = second_of(method), None
    count = how_many(len(pairs))
    second_cost = 0.0 if refusal else _cost(model, second_of(method), None) * count / len(pairs)
    rounds = spending.rounds(_cost(model, method, settings), second_cost, model.graph.n_edges)
    now = None if stored is None else _estimates(stored, model, level, per_prompt)
    if now is None or not now.first.finished:
        begun = None if now is None else now.first
        for first in attribute(
            model, pairs, method=method, settings=settings, largest=count, state=begun, **shared, **kept
        ):
            now = RefiningState(first, refusal=refusal, method=method)
            yield now
    if now is None:
        return
    if not now.refusal and (now.second is None or not now.second.finished):
        try:
            assert now.first.largest is not None
            some = [pairs[row] for row in now.first.largest.rows]
            own: dict[str, Any] = {"method": second_of(method), "per_prompt": True, "state": now.second}
            for second in attribute(model, some, **own, **shared):
                now = replace(now, second=second)
                yield now
        except REFUSES as error:
            alone = "exact effects are of the largest |score| alone, without second estimates"
            now = replace(now, second=None, refusal=f"{alone}: {error}")
    now, apart = _with_second(now)
    unsure = doubt(now.estimates.scores(), costs_of(model.graph, level), apart, seed=seed)
    now = replace(now, unsure=unsure, goal=spending.until, method=method)
    yield from _measured(model, pairs, now, rounds, stored or {}, {**shared, **kept})


def _measured(
    model: Model,
    pairs: Sequence[PromptPair],
    now: RefiningState,
    rounds: Sequence[Any],
    stored: Tensors,
    asked: Mapping[str, Any],
) -> Iterator[RefiningState]:
    """The rounds of exact effects, from where the stored one stopped."""
    assert now.unsure is not None
    before: tuple[PatchingState, ...] = ()
    known = np.zeros_like(now.unsure.known)
    for number, spend in enumerate(rounds):
        choice = spend.choose(now.unsure)
        new, last = choice.measured & ~known, number == len(rounds) - 1
        known = known | choice.measured
        now = replace(now, choice=replace(choice, certain=choice.certain | (known & ~choice.drawn)), exact=before)
        if not new.any():
            if last or not choice.left.any():
                yield replace(now, enough=True)
                return
            continue
        part = _part(stored, f"exact{number}") or None
        for exact in patching(model, pairs, only=_only(now.first, new), stored=part, **asked):
            now = replace(now, exact=(*before, exact), enough=last)
            if exact.finished and not last:
                said = now.stated()
                now = replace(now, enough=said is not None and now.goal is not None and said.r2_low >= now.goal)
            yield now
        before = now.exact
        if now.enough:
            return


def refine(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    scores: Scores,
    n: int,
    *,
    second: str | Scores | None = "secant-mid",
    metric: AnyMetric | None = None,
    seed: int = 0,
    conditions: Conditions = Conditions(),
) -> Scores:
    """Replace the scores of which least is certain by exact effects.

    The n edges (or nodes) of largest ``max(|score|, |score - second|)`` are patched, each alone.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: those of the scores.
        scores: estimates, such as `score_edges` returns; what is exact already stays.
        n: how many are patched; as many as there are if that is fewer.
        second: a method that estimates otherwise (``"eap"`` for scores of a secant method), or its scores; None to go
            by |score| alone.
        metric: that of the scores; the prompt set's own by default.
        seed: of the scores' resamples, where they keep any.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.

    Returns:
        ``values``: exact effects where ``verified`` says so, the scores elsewhere; ``estimated``: the scores. Standard
        errors, single prompts and resamples likewise.

    Raises:
        SelectionError: ``n`` is below one.
        ScoreError: scores of another model or of another number of prompts.
        EdgewiseError: see `score_edges` and `patch_edges`.

    Example:
        ``refine(model, prompts, score_edges(model, prompts, method="eap"), n=50)``
    """
    level: Level = "edge" if isinstance(scores, EdgeScores) else "node"
    if n < 1:
        raise SelectionError(f"{n} exact effects are asked for; give at least 1")
    if scores.graph != model.graph:
        raise ScoreError(f"scores are of {scores.graph.spec}, the model is {model.graph.spec}")
    shared: dict[str, Any] = {"metric": metric_for(prompts, metric), "level": level, "conditions": conditions}
    if isinstance(second, str):
        for state in attribute(model, prompts, method=second, **shared):
            last = state
        second = last.scores()
    apart = None if second is None else scores.values.astype(np.float64) - second.values
    chosen = doubt(scores, costs_of(model.graph, level), apart, seed=seed).choose(n, 0, by_number=True)
    exact = patch_edges(
        model,
        prompts,
        only=_only(scores, chosen.measured),
        per_prompt=scores.per_prompt is not None,
        bootstrap=0 if scores.resampled is None else len(scores.resampled),
        seed=seed,
        **shared,
    )
    return combined(scores, exact)


def _with_second(now: RefiningState) -> tuple[RefiningState, FloatArray | None]:
    """The state with the estimates that both make, and what the two differ by on the prompts that have both."""
    largest = now.first.largest
    if now.second is None or largest is None:
        return now, None
    others = now.second.scores().per_prompt
    assert others is not None
    change = np.nan_to_num(np.asarray((others - largest.scores).sum(0) / now.first.total))
    sizes = np.sort(np.abs(np.nan_to_num(now.first.moments.mean + change)), axis=None)
    much = np.abs(change) > MUCH * sizes[-min(OF, sizes.size)]
    apart = np.asarray((others - largest.scores).mean(0))
    return replace(now, both=now.first.replaced(np.nan_to_num(others), much)), apart


def _cost(model: Model, method: str, settings: Mapping[str, Any] | None) -> float:
    """What a method takes, in forward passes."""
    found = METHODS.load(method)
    passes: Passes | None = found.cost(read_settings(found.settings, settings or {}, method), model.graph.spec)
    return forward_passes(passes)


def _only(scores: Scores | AttributionState, mask: BoolArray) -> BoolArray | tuple[str, ...]:
    """What is measured, as `patching` takes it."""
    return mask if mask.ndim == 2 else tuple(scores.graph.sources[row] for row in np.flatnonzero(mask))


def _estimates(stored: Tensors, model: Model, level: Level, per_prompt: bool) -> RefiningState:
    """The stored state without what was measured."""
    first, second = _part(stored, "first"), _part(stored, "second")
    return RefiningState(
        AttributionState.from_tensors(first, model.graph, level=level, per_prompt=per_prompt),
        AttributionState.from_tensors(second, model.graph, level=level, per_prompt=True) if second else None,
        refusal=bytes(stored["refusal"]).decode() if "refusal" in stored else "",
    )


def _part(stored: Tensors, stage: str) -> dict[str, npt.NDArray[Any]]:
    return {name.partition(".")[2]: array for name, array in stored.items() if name.partition(".")[0] == stage}
