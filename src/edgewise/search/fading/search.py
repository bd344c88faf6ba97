"""Which edges a circuit needs, in its own context: masks of all edges at once, which sum to ever less.

1. Every edge has a level, from which its mask follows, the share of its own value that it carries, the rest being the
   corrupted one: ``sigmoid((level - c) / temperature)``, with c such that all masks sum to a size. At first levels are
   minus the logarithm of the rank by an estimate (`secant-mid` of the same metric), and the size is a third of all.
2. A step takes the slope of the loss (KL from the clean run) with respect to every mask where the masks stand, of the
   next few prompts: one forward and one backward pass. Levels move down it, the sum of the masks given, by momentum.
   The fewer are left, the further. Each step draws logistic noise for the levels, so that no circuit rests on what a
   few masks are to the digit.
3. The size falls from rung to rung by the same factor each step. At each rung it stays, while a copy of the levels
   goes on at a falling temperature: masks become 0 or 1, and the best edges are the circuit of that size. Then the
   size falls on from where the levels stood.
4. An edge ranks by the smallest circuit that holds it, those of one circuit by how long they stay as the size falls on.

Estimates ask what an edge does in the whole model, where others do its work; here it is asked in the circuit. It is
descent on masks, as subnetwork probing (Cao et al. 2021) and edge pruning (Bhaskar et al. 2024), but with the number of
edges given and falling in the place of a penalty, so that circuits of all sizes come of one run of few steps.
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
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.memory import halving, micro_batch, shared
from edgewise.errors import DataError
from edgewise.generators import at_the_end_of
from edgewise.graph import EdgeScores, Graph
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.fading.levels import Levels
from edgewise.search.fading.loss import loss_of
from edgewise.search.fading.masks import felt, masks
from edgewise.search.fading.rungs import Step, plan
from edgewise.search.fading.state import FadingState
from edgewise.search.probing.masks import masks_of
from edgewise.search.probing.openings import Openings
from edgewise.search.table.cells import Array
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

STEPS, MINIBATCH, RATE = 28, 8, 0.02
# Of the logistic noise of levels, in temperatures.
NOISE = 0.4
# The estimate that ranks edges at first.
ESTIMATE = "secant-mid"


@dataclass(frozen=True)
class Fading:
    """How masks fade.

    Args:
        steps: how many for each rung of sizes, and more for the first: `edgewise.search.fading.rungs`.
        minibatch: prompts a step, in turn.
        rate: how far levels move in a step at the first rung, the root mean square while slopes keep their direction;
            faster as the size falls, `edgewise.search.fading.rungs.Step`.
        seed: of the noise.
        rung: one more size at which a circuit is settled, in edges.

    Raises:
        DataError: a number out of range.
    """

    steps: int = STEPS
    minibatch: int = MINIBATCH
    rate: float = RATE
    seed: int = 0
    rung: int | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        for name, least in (("steps", 2), ("minibatch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise DataError(f"{name} is {getattr(self, name)}; give at least {least}")
        if self.rung is not None and self.rung < 1:
            raise DataError(f"rung is {self.rung}; give a number of edges, at least 1")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise DataError(f"rate is {self.rate}; give a positive number")


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
        DataError: a prompt the model cannot take, or a rung of all edges.
        SettingError: prompts whose edges are kept apart by reader.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    graph = graph_for(model, pairs)
    edges = masks_of("edge", graph)
    openings = Openings(model, pairs, edges, measured, conditions.max_memory)
    work = _Work(
        model,
        graph,
        pairs,
        measured,
        loss_of(measured),
        asked,
        plan(edges.n, asked.steps, _own_rung(asked.rung, edges.n)),
        openings,
    )
    if stored is not None:
        state = FadingState.from_tensors(stored, graph)
    else:
        together = min(asked.minibatch, len(pairs))
        rows = shared(micro_batch(model, pairs, conditions, edges.memory), together, conditions)
        state = halving(rows, model.device, work.start)
    yield state
    while not state.finished:
        state = halving(state.batch_size, model.device, partial(work.step, state))
        yield state


def _own_rung(size: int | None, n_edges: int) -> int | None:
    """A rung of the caller's own. Raises DataError where the model has no more edges than that."""
    if size is not None and size >= n_edges:
        raise DataError(f"rung is {size}, and the model has {n_edges} edges; give fewer")
    return size


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
    graph: Graph
    pairs: Sequence[PromptPair]
    metric: Metric
    loss: Metric
    asked: Fading
    plan: Sequence[Step]
    openings: Openings

    def start(self, rows: int) -> FadingState:
        """The state before the first step: the metric is measured, and edges are ranked by an estimate."""
        every = (some for part in self._minibatches() for some in self._runs(part, rows))
        clean, corrupted = self.openings.values(self.metric, every)
        estimates = estimate_edges(self.model, self.pairs, method=ESTIMATE, metric=self.metric)
        levels = Levels.ranked(np.abs(estimates.values[self.graph.mask]).astype(np.float64))
        n = len(levels.values)
        return FadingState(
            graph=self.graph,
            total=len(self.plan),
            soft=levels,
            hard=levels,
            smallest=np.full(n, float(n)),
            place=n - levels.values,
            batch_size=rows,
            planned_batch_size=rows,
            clean_metric=clean,
            corrupted_metric=corrupted,
            losses=np.empty((0, 2)),
        )

    def step(self, state: FadingState, rows: int) -> FadingState:
        """One step, so many prompts a run."""
        step, parts = self.plan[state.done], self._minibatches()
        noise = np.random.default_rng([self.asked.seed, state.done]).logistic(size=len(state.hard.values))
        kept = masks(state.hard.values + NOISE * step.temperature * noise, step.temperature, step.size)
        loss, slope = self._slope(kept, parts[state.done % len(parts)], rows)
        levels = state.hard.step(felt(slope, kept, step.temperature), self.asked.rate * step.pace)
        return state.after(step, levels, loss, rows)

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
