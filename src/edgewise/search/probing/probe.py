"""Masks trained to keep the behaviour with little: one forward and one backward pass a step.

Subnetwork probing (Cao et al. 2021), as the comparison of ACDC runs it (Conmy et al. 2023):

    minimise   mean over prompts of loss(run with masks drawn anew at each step)  +  lambda * penalty

over the masks' parameters (`edgewise.search.probing.concrete`) by Adam, with the loss the metric, or minus the metric
where higher is better. What is masked carries its value on the corrupted prompt. The draws of a step follow from the
seed and the step's number alone, so a training that was stopped goes on with the same ones.
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

from edgewise.engine.run.batches import arrange, taken
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.memory import halving, micro_batch, shared
from edgewise.errors import DataError
from edgewise.generators import at_the_end_of
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.probing.adam import Adam
from edgewise.search.probing.concrete import parameter, penalty, sample
from edgewise.search.probing.masks import Masks, masks_of, require_kind
from edgewise.search.probing.openings import Openings
from edgewise.search.probing.state import ProbingState
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

STEPS, RATE, FIRST_MASK = 10_000, 0.001, 0.9


@dataclass(frozen=True)
class Training:
    """How masks are trained.

    Args:
        strength: lambda, the weight of the penalty, in units of the loss.
        masks: what is masked: ``"node"`` (q, k, v of each head, each MLP) or ``"edge"``.
        steps: of the optimiser.
        rate: its learning rate.
        seed: of the draws.
        minibatch: prompts drawn for each step; all by default.

    Raises:
        DataError: no such masks, or a number out of range.
    """

    strength: float
    masks: str = "node"
    steps: int = STEPS
    rate: float = RATE
    seed: int = 0
    minibatch: int | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        require_kind(self.masks)
        if not (math.isfinite(self.strength) and self.strength >= 0):
            raise DataError(f"lambda is {self.strength}; give a number that is not negative")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise DataError(f"the learning rate is {self.rate}; give a positive number")
        for name, least in (("steps", 1), ("seed", 0), ("minibatch", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise DataError(f"{name} is {value}; give at least {least}")


@one_at_a_time
def probing(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    training: Training,
    *,
    metric: AnyMetric = "kl",
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[ProbingState]:
    """Subnetwork probing (Cao et al. 2021): masks on nodes or edges, trained to keep the behaviour with few.

    Yields the state before the first step and after every one, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts, what is masked carrying corrupted values; the same ones in the
            same order when a training is resumed.
        training: how masks are trained.
        metric: ``kl`` or any other with a slope; where higher is better its negative is the loss.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier training stopped; None to begin.

    Raises:
        DataError: a prompt the model cannot take.
        SettingError: prompts whose edges are kept apart by place, for masks on nodes; or by reader.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    masks = masks_of(training.masks, graph_for(model, pairs))
    limit = 0 if _draws_prompts(training, len(pairs)) else conditions.max_memory
    openings = Openings(model, pairs, masks, measured, limit)
    trained = _Training(model, pairs, measured, masks, training, openings)
    if stored is not None:
        state = ProbingState.from_tensors(stored, masks)
    else:
        together = training.minibatch if _draws_prompts(training, len(pairs)) else len(pairs)
        rows = shared(micro_batch(model, pairs, conditions, masks.memory), together or len(pairs), conditions)
        state = halving(rows, model.device, trained.start)
    yield state
    while not state.finished:
        state = halving(state.batch_size, model.device, partial(trained.step, state))
        yield state


@at_the_end_of(probing)
def probe(last: ProbingState) -> ProbingState:
    """Train masks to the end.

    Returns:
        The final state: circuit, scores, and the loss of every step.
    """
    return last


def _draws_prompts(training: Training, n_prompts: int) -> bool:
    """Whether each step has prompts of its own, which no other step can use again."""
    return training.minibatch is not None and training.minibatch < n_prompts


@dataclass(frozen=True, eq=False)
class _Training:
    """A training at work."""

    model: Model
    pairs: Sequence[PromptPair]
    metric: Metric
    masks: Masks
    asked: Training
    openings: Openings

    def start(self, rows: int) -> ProbingState:
        """The state before the first step: the metric is measured."""
        clean, corrupted = self.openings.values(self.metric, self._parts(range(len(self.pairs)), rows))
        adam = Adam.start(np.full(self.masks.n, parameter(FIRST_MASK)))
        return ProbingState(self.masks, self.asked.steps, adam, rows, rows, clean, corrupted, np.empty((0, 2)))

    def step(self, state: ProbingState, rows: int) -> ProbingState:
        """One step, so many prompts a run."""
        draw = np.random.default_rng([self.asked.seed, state.done])
        uniform, chosen = draw.random(self.masks.n), self._chosen(draw)
        with torch.inference_mode(False), torch.enable_grad():
            parameters = torch.from_numpy(state.adam.parameters.copy()).requires_grad_()
            kept = sample(parameters, torch.from_numpy(uniform))
            price = penalty(parameters, torch.from_numpy(self.masks.weights()))
            with torch.autocast(self.model.device.type, enabled=False):
                total, slope = self.openings.slope(self.metric, kept.detach(), self._parts(chosen, rows))
            sign = (-1.0 if self.metric.higher_is_better else 1.0) / len(chosen)
            strength = torch.tensor(self.asked.strength, dtype=torch.float64)
            (full,) = torch.autograd.grad([kept, price], parameters, [sign * slope, strength])
        adam = state.adam.step(full.numpy(), self.asked.rate)
        return state.after(adam, sign * total, float(price.detach()), rows)

    def _chosen(self, draw: np.random.Generator) -> Sequence[int]:
        n = len(self.pairs)
        if not _draws_prompts(self.asked, n):
            return range(n)
        return sorted(draw.choice(n, self.asked.minibatch, replace=False).tolist())

    def _parts(self, chosen: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
        """Some prompts, a few at a time that go well together."""
        pairs, causal = [self.pairs[i] for i in chosen], self.model.wiring.causal
        for rows in taken(arrange(pairs, causal=causal), pairs, size, causal=causal):
            yield tuple(chosen[i] for i in rows)
