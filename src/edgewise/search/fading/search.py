"""Which edges a circuit needs, in its own context: masks of all edges at once, ever fewer of them open.

1. Every edge has a mask: the share of its own value that it carries, the rest being the corrupted one. At first a fifth
   of all edges are open, the best by an estimate (`secant-mid` of the same metric), which is their importance.
2. The masks of the most important edges open a little and all others close a little, so many that they sum to a size;
   the size falls to a few edges, by the same factor each step.
3. The slope of the loss (KL from the clean run) with respect to every mask is taken where the masks stand, of the next
   few prompts: one forward and one backward pass. The importance of an edge is a decayed mean of its shares in minus
   the slopes: one whose closing is felt becomes important, and opens again.
4. An edge ranks by the smallest circuit that held it, so that the best n edges are the circuit of n edges.

Estimates ask what an edge does in the whole model, where others do its work; here it is asked in the circuit. It is
descent on masks, as subnetwork probing (Cao et al. 2021) and edge pruning (Bhaskar et al. 2024), but without noise or a
penalty: by the order of the slopes alone, with the number of edges given and falling.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgewise.attribution import estimate_edges
from edgewise.engine.run.batches import arrange, taken
from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.engine.run.memory import halving, micro_batch
from edgewise.errors import DataError
from edgewise.generators import at_the_end_of
from edgewise.graph import EdgeScores
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.fading.budget import size_at, step
from edgewise.search.fading.loss import loss_of
from edgewise.search.fading.state import FadingState
from edgewise.search.probing.masks import EdgeMasks
from edgewise.search.probing.openings import Openings
from edgewise.search.table.cells import Array
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

STEPS, MINIBATCH, RATE, FIRST = 80, 8, 0.1, 0.2
# What is left of an importance after a step.
MEMORY = 0.8
# The share of all edges that the last steps keep.
FEWEST = 0.002


@dataclass(frozen=True)
class Fading:
    """How masks fade.

    Args:
        steps: how many, from all edges to the fewest.
        minibatch: prompts a step, in turn.
        rate: how far a mask moves in a step.
        first: the share of all edges that are open at first: the best by an estimate, `secant-mid`; 1 for all of them.

    Raises:
        DataError: a number out of range.
    """

    steps: int = STEPS
    minibatch: int = MINIBATCH
    rate: float = RATE
    first: float = FIRST

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("steps", "minibatch"):
            if getattr(self, name) < 1:
                raise DataError(f"{name} is {getattr(self, name)}; give at least 1")
        for name in ("rate", "first"):
            if not 0 < getattr(self, name) <= 1:
                raise DataError(f"{name} is {getattr(self, name)}; give a number above 0 and at most 1")


@one_at_a_time
def fading(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    asked: Fading = Fading(),
    *,
    metric: AnyMetric = "kl",
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[FadingState]:
    """Circuits of falling size, found in their own context.

    Yields the state before the first step and after every one, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts, what is masked carrying corrupted values; the same ones in the
            same order when it is resumed.
        asked: how masks fade.
        metric: ``kl``, or any other with a slope: its squared change is the loss then.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier process stopped; None to begin.

    Raises:
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs, masks = usable(model, prompts, measured), EdgeMasks(model.graph)
    openings = Openings(model, pairs, masks, conditions.max_memory)
    work = _Work(model, pairs, measured, loss_of(measured), masks, asked, openings)
    if stored is not None:
        state = FadingState.from_tensors(stored, model.graph)
    else:
        state = halving(micro_batch(model, pairs, conditions, masks.memory), model.device, work.start)
    yield state
    while not state.finished:
        state = halving(state.batch_size, model.device, partial(work.step, state))
        yield state


@at_the_end_of(fading)
def fade(last: FadingState) -> EdgeScores:
    """Rank all edges by fading.

    Returns:
        Scores from 0 to 1: the best n edges are the circuit of n edges.
    """
    return last.scores()


@dataclass(frozen=True, eq=False)
class _Work:
    """Fading at work."""

    model: Model
    pairs: Sequence[PromptPair]
    metric: Metric
    loss: Metric
    masks: EdgeMasks
    asked: Fading
    openings: Openings

    def start(self, rows: int) -> FadingState:
        """The state before the first step: the metric is measured, and some masks are open."""
        every = (some for part in self._minibatches() for some in self._runs(part, rows))
        clean, corrupted = self.openings.values(self.metric, every)
        kept, importance, smallest = self._opened()
        return FadingState(
            self.model.graph,
            self.asked.steps,
            kept,
            importance,
            smallest,
            rows,
            rows,
            clean,
            corrupted,
            np.empty((0, 2)),
        )

    def _opened(self) -> tuple[Array, Array, Array]:
        """The masks before the first step, importances, and the size of the smallest circuit that holds each edge."""
        n = self.masks.n
        if self.asked.first == 1:
            return np.ones(n), np.zeros(n), np.full(n, float(n))
        estimates = estimate_edges(self.model, self.pairs, method="secant-mid", metric=self.metric)
        sizes = np.abs(estimates.values[self.model.graph.mask]).astype(np.float64)
        ranks = np.empty(n)
        ranks[np.argsort(-sizes, kind="stable")] = np.arange(1, n + 1)
        opened = self._first_size()
        return (ranks <= opened).astype(np.float64), sizes / sizes.sum(), np.maximum(ranks, opened)

    def _first_size(self) -> int:
        return max(1, round(self.asked.first * self.masks.n))

    def step(self, state: FadingState, rows: int) -> FadingState:
        """One step, so many prompts a run."""
        parts = self._minibatches()
        size, kept, at = self._next(state)
        loss, slope = self._slope(at, parts[state.done % len(parts)], rows)
        share = -slope / max(float(np.abs(slope).sum()), np.finfo(np.float64).tiny)
        decay = MEMORY if state.done or self.asked.first < 1 else 0.0
        importance = decay * state.importance + (1 - decay) * share
        return state.after(kept, importance, size, loss, rows)

    def _next(self, state: FadingState) -> tuple[int, Array, Array]:
        """The size of the next step, its masks, and where slopes are taken: without an estimate first all half open."""
        n = self.masks.n
        if state.done == 0 and self.asked.first == 1:
            return n, state.kept, np.full(n, 0.5)
        size = size_at(state.done, state.total, self._first_size(), max(1, round(FEWEST * n)))
        kept = step(state.kept, state.importance, size, self.asked.rate)
        return size, kept, kept

    def _slope(self, kept: Array, part: tuple[int, ...], rows: int) -> tuple[float, Array]:
        """The mean loss of some prompts, and its slope with respect to every mask."""
        with torch.inference_mode(False), torch.autocast(self.model.device.type, enabled=False):
            total, slope = self.openings.slope(self.loss, torch.from_numpy(kept), self._runs(part, rows))
        return total / len(part), slope.numpy() / len(part)

    def _minibatches(self) -> list[tuple[int, ...]]:
        """All prompts, in the parts that steps take in turn: of like length, as evenly divided as can be."""
        order = arrange(self.pairs, causal=self.model.wiring.causal)
        n_parts = math.ceil(len(order) / self.asked.minibatch)
        return [tuple(int(i) for i in part) for part in np.array_split(np.array(order), n_parts)]

    def _runs(self, part: tuple[int, ...], rows: int) -> Iterator[tuple[int, ...]]:
        """The prompts of a part, as many at a time as are run together."""
        return map(tuple, taken(part, self.pairs, rows, causal=self.model.wiring.causal))
