"""Flag and check: cheap estimates of all edges, and exact effects where these are large or disagree.

1. Score every edge by a method of attribution.
2. Score every edge by a second one, at EAP's cost.
3. Patch exactly the n edges of largest ``max(|score|, |score - second|)``, each alone (`edgewise.search.exact.flags`).

All of it is one state, so that a pass that was stopped in any of the three goes on there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgewise.attribution import AttributionState, attribute, score_edges
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import ScoreError, UnsupportedModelError, VanishingGradientError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.exact.flags import combined, flagged, second_of
from edgewise.search.exact.patching import PatchingState, patch_edges, patching
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import DEFAULT_METHOD, Level
from edgewise.tasks import PromptPair, PromptSet

Stage = Literal["first", "second", "exact"]
Tensors = Mapping[str, npt.NDArray[Any]]
REFUSES = (UnsupportedModelError, VanishingGradientError)


@dataclass(frozen=True, eq=False)
class RefiningState:
    """Where the three stages stand.

    Args:
        first: the pass of the method asked for.
        second: that of the second method; None before it begins, or where it refuses.
        exact: that of activation patching; None before it begins.
        refusal: why there are no second estimates; empty where there are.
    """

    first: AttributionState
    second: AttributionState | None = None
    exact: PatchingState | None = None
    refusal: str = ""

    @property
    def stage(self) -> Stage:
        """What is being done."""
        if self.exact is not None:
            return "exact"
        return "first" if self.second is None else "second"

    @property
    def _now(self) -> AttributionState | PatchingState:
        return self.exact or self.second or self.first

    @property
    def finished(self) -> bool:
        """Whether every flagged edge is measured."""
        return self.exact is not None and self.exact.finished

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
        parts: dict[str, AttributionState | PatchingState | None] = {
            "first": self.first,
            "second": self.second,
            "exact": self.exact,
        }
        for stage, part in parts.items():
            arrays |= {f"{stage}.{name}": array for name, array in (part.tensors() if part else {}).items()}
        return arrays

    def scores(self) -> EdgeScores | NodeScores:
        """Exact effects where they were measured, and the estimates elsewhere.

        Raises:
            ScoreError: the pass is not finished.
        """
        if self.exact is None:
            raise ScoreError("no exact effect is measured yet; finish the pass first")
        return combined(self.first.scores(), self.exact.scores())


@one_at_a_time
def refining(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    n: int,
    *,
    method: str = DEFAULT_METHOD,
    settings: Mapping[str, Any] | None = None,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    per_prompt: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    conditions: Conditions = Conditions(),
    stored: Tensors | None = None,
) -> Iterator[RefiningState]:
    """Score every edge and check the `n` that are flagged: yields the state after every run, the last one finished.

    Where the second method refuses the model, or its gradients vanish, edges are flagged by |score| alone.

    All other arguments are those of `attribute`.

    Args:
        n: edges (or nodes) to patch exactly at most.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.
    """
    shared: dict[str, Any] = {"metric": metric, "level": level, "conditions": conditions}
    kept: dict[str, Any] = {"per_prompt": per_prompt, "bootstrap": bootstrap, "seed": seed}
    now = None if stored is None else _estimates(stored, model, level, per_prompt)
    if now is None or not now.first.finished:
        begun = None if now is None else now.first
        for first in attribute(model, prompts, method=method, settings=settings, state=begun, **shared, **kept):
            now = RefiningState(first)
            yield now
    if now is None:
        return
    if not now.refusal and (now.second is None or not now.second.finished):
        try:
            for second in attribute(model, prompts, method=second_of(method), state=now.second, **shared):
                now = replace(now, second=second)
                yield now
        except REFUSES as error:
            now = replace(now, second=None, refusal=str(error))
    mask = flagged(now.first.scores(), None if now.second is None else now.second.scores(), n)
    only, earlier = _only(now.first, mask), None if stored is None else _part(stored, "exact")
    for exact in patching(model, prompts, only=only, stored=earlier or None, **shared, **kept):
        yield replace(now, exact=exact)


def refine(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    scores: EdgeScores | NodeScores,
    n: int,
    *,
    second: str | EdgeScores | NodeScores | None = "secant",
    metric: AnyMetric | None = None,
    seed: int = 0,
    conditions: Conditions = Conditions(),
) -> EdgeScores | NodeScores:
    """Replace the scores of which least is certain by exact effects.

    The n edges (or nodes) of largest ``max(|score|, |score - second|)`` are patched, each alone.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: those of the scores.
        scores: estimates, such as `score_edges` returns.
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
        ``refine(model, prompts, score_edges(model, prompts), n=50)``
    """
    level: Level = "edge" if isinstance(scores, EdgeScores) else "node"
    if scores.graph != model.graph:
        raise ScoreError(f"scores are of {scores.graph.spec}, the model is {model.graph.spec}")
    shared: dict[str, Any] = {"metric": metric, "level": level, "conditions": conditions}
    if isinstance(second, str):
        second = score_edges(model, prompts, method=second, **shared)
    mask = flagged(scores, second, n)
    exact = patch_edges(
        model,
        prompts,
        only=_only(scores, mask),
        per_prompt=scores.per_prompt is not None,
        bootstrap=0 if scores.resampled is None else len(scores.resampled),
        seed=seed,
        **shared,
    )
    return combined(scores, exact)


def _only(scores: EdgeScores | NodeScores | AttributionState, mask: BoolArray) -> BoolArray | tuple[str, ...]:
    """What is flagged, as `patching` takes it."""
    return mask if mask.ndim == 2 else tuple(scores.graph.sources[row] for row in np.flatnonzero(mask))


def _estimates(stored: Tensors, model: Model, level: Level, per_prompt: bool) -> RefiningState:
    """The stored state without its last stage."""
    first, second = _part(stored, "first"), _part(stored, "second")
    return RefiningState(
        AttributionState.from_tensors(first, model.graph, level=level, per_prompt=per_prompt),
        AttributionState.from_tensors(second, model.graph, level=level, per_prompt=False) if second else None,
        refusal=bytes(stored["refusal"]).decode() if "refusal" in stored else "",
    )


def _part(stored: Tensors, stage: Stage) -> dict[str, npt.NDArray[Any]]:
    return {name.partition(".")[2]: array for name, array in stored.items() if name.partition(".")[0] == stage}
