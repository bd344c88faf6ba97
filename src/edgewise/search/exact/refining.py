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

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgewise.attribution import METHODS, AttributionState, attribute, estimate_edges
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for
from edgewise.engine.run.passes import Passes
from edgewise.errors import ScoreError, SelectionError, UnsupportedModelError, VanishingGradientError
from edgewise.graph import EdgeScores
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.exact.choice import doubt
from edgewise.search.exact.combined import combined
from edgewise.search.exact.patching import PatchingState, patch_edges, patching
from edgewise.search.exact.refining_state import RefiningState, Scores, Tensors, part_of, stored_estimates
from edgewise.search.exact.second import both_of, how_many, second_of
from edgewise.search.exact.spending import Round, Spending, forward_passes
from edgewise.search.exact.targets import costs_of
from edgewise.settings import read_settings
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import Level
from edgewise.tasks import PromptPair, PromptSet

REFUSES = (UnsupportedModelError, VanishingGradientError)
NO_READERS = "exact effects are of the largest |score| alone, without second estimates, which know no readers"


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
    if graph_for(model, pairs).readers and not METHODS.load(second_of(method)).by_reader:
        refusal = refusal or NO_READERS
    count = how_many(len(pairs))
    second_cost = 0.0 if refusal else _cost(model, second_of(method), None) * count / len(pairs)
    graph = graph_for(model, pairs)
    rounds = spending.rounds(_cost(model, method, settings), second_cost, graph.n_edges)
    now = None if stored is None else stored_estimates(stored, graph, level, per_prompt)
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
        now = yield from _seconded(model, pairs, now, second_of(method), shared)
    apart = None
    if now.second is not None:
        both, apart = both_of(now.first, now.second)
        now = replace(now, both=both)
    unsure = doubt(now.estimates.scores(), costs_of(graph, level), apart, seed=seed)
    now = replace(now, unsure=unsure, goal=spending.until, method=method)
    yield from _measured(model, pairs, now, rounds, stored or {}, {**shared, **kept})


def _seconded(
    model: Model, pairs: Sequence[PromptPair], now: RefiningState, method: str, asked: Mapping[str, Any]
) -> Generator[RefiningState, None, RefiningState]:
    """The second estimates, from where they stopped; the state with them, or with why there are none."""
    assert now.first.largest is not None
    some, begun = [pairs[row] for row in now.first.largest.rows], now.second
    try:
        for second in attribute(model, some, method=method, per_prompt=True, state=begun, **asked):
            now = replace(now, second=second)
            yield now
    except REFUSES as error:
        alone = "exact effects are of the largest |score| alone, without second estimates"
        return replace(now, second=None, refusal=f"{alone}: {error}")
    return now


def _measured(
    model: Model,
    pairs: Sequence[PromptPair],
    now: RefiningState,
    rounds: Sequence[Round],
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
        part = part_of(stored, f"exact{number}") or None
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
    graph = graph_for(model, prompts)
    if scores.graph != graph:
        raise ScoreError(f"scores are of {scores.graph!r}, the model on these prompts has {graph!r}")
    shared: dict[str, Any] = {"metric": metric_for(prompts, metric), "level": level, "conditions": conditions}
    if isinstance(second, str):
        second = estimate_edges(model, prompts, method=second, **shared)
    apart = None if second is None else scores.values.astype(np.float64) - second.values
    chosen = doubt(scores, costs_of(graph, level), apart, seed=seed).choose(n, 0, by_number=True)
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


def _cost(model: Model, method: str, settings: Mapping[str, Any] | None) -> float:
    """What a method takes, in forward passes."""
    found = METHODS.load(method)
    passes: Passes | None = found.cost(read_settings(found.settings, settings or {}, method), model.graph.spec)
    return forward_passes(passes)


def _only(scores: Scores | AttributionState, mask: BoolArray) -> BoolArray | tuple[str, ...]:
    """What is measured, as `patching` takes it."""
    return mask if mask.ndim > 1 else tuple(scores.graph.sources[row] for row in np.flatnonzero(mask))
