"""A metric on one micro-batch: its gradient at some logits, and how it goes from the clean to the corrupted ones.

A metric need not be linear in the logits: a probability is flat where the model is sure, though a patch may undo that.
On the straight line ``z + t (z' - z)`` from clean to corrupted logits two things are cheap, whatever the metric:

- the mean of its gradient along the line, ``g``, for which ``g . (z' - z) = L(z') - L(z)``: the metric's own finite
  difference (`MetricPath.mean_gradient`);
- the profile ``f(t) = L(z + t (z' - z)) - L(z)``, of one number for each prompt. A linear estimate ``S`` made with
  ``g`` says that a patch goes the share ``t = S / f(1)`` of the way, and then ``f(t)`` says what L does there
  (`Profile`). For a metric that is linear in the logits ``f(t) = t f(1)``, and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.run.metric_gradient import MetricPoint, metric_at, metric_values
from edgewise.metrics import Metric, MetricBatch

# Points of the mean gradient, by Gauss and Legendre: exact for slopes that are polynomials of degree 31.
N_POINTS = 16
# Shares of the way at which the profile is taken; straight beyond the ends and in between.
SHARES = tuple(sorted({*np.linspace(-1, 2, 25).round(4).tolist(), *np.linspace(-0.1, 0.1, 9).round(4).tolist()}))
# Less than this part of what the gradient could change counts as no change from clean to corrupted.
NO_CHANGE = 0.01


@dataclass
class MetricPath:
    """A metric on the prompts of one micro-batch.

    Args:
        metric: the metric.
        batch: answers and masks.

    Attributes:
        points: the metric where its gradient was asked for, with the logits, in order.
        steepest: the largest ``|dL/dlogits|`` that was given.
    """

    metric: Metric
    batch: MetricBatch
    points: list[tuple[Tensor, MetricPoint]] = field(default_factory=list)
    steepest: float = 0.0

    def __call__(
        self, logits: Float[Tensor, "batch n_positions vocab"], clean: Float[Tensor, "batch n_positions vocab"]
    ) -> Float[Tensor, "batch n_positions vocab"]:
        """``dL/dlogits`` of each prompt's own L at some logits; ``clean`` are those of the clean run."""
        point = self.known(logits)
        if point is None:
            point = metric_at(self.metric, logits, self.batch, clean)
            self.points.append((logits, point))
        return self._given(point.gradient)

    def known(self, logits: Tensor) -> MetricPoint | None:
        """The metric at some logits, if its gradient was asked for there."""
        return next((point for at, point in self.points if _same(at, logits)), None)

    def mean_gradient(
        self, clean: Float[Tensor, "batch n_positions vocab"], corrupted: Float[Tensor, "batch n_positions vocab"]
    ) -> Float[Tensor, "batch n_positions vocab"]:
        """The mean of ``dL/dlogits`` over the line from clean to corrupted logits."""
        own = self(clean, clean)
        if self.is_straight(clean, corrupted, own):
            return own
        at, weights = np.polynomial.legendre.leggauss(N_POINTS)
        total: Tensor | None = None
        for share, weight in zip(((at + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
            gradient = weight * self._slope(clean, corrupted, share)
            total = gradient if total is None else total.add_(gradient)
        assert total is not None
        return self._given(total)

    def is_straight(self, clean: Tensor, corrupted: Tensor, own: Tensor) -> bool:
        """Whether the metric's gradient at clean logits is that at the end and halfway: it is linear there."""
        return all(torch.equal(own, self._slope(clean, corrupted, share)) for share in (1.0, 0.5))

    def profile(
        self,
        clean: Float[Tensor, "batch n_positions vocab"],
        corrupted: Float[Tensor, "batch n_positions vocab"],
        mean_gradient: Float[Tensor, "batch n_positions vocab"],
    ) -> Profile | None:
        """How the metric goes along the line; None where it is straight."""
        if self.is_straight(clean, corrupted, self.points[0][1].gradient):
            return None
        values = [metric_values(self.metric, clean.lerp(corrupted, share), self.batch, clean) for share in SHARES]
        stacked = torch.stack(values, 1)
        own = stacked[:, SHARES.index(0.0), None]
        return Profile(stacked - own, _reach(clean, corrupted, mean_gradient))

    def _slope(self, clean: Tensor, corrupted: Tensor, share: float) -> Tensor:
        """``dL/dlogits`` a share of the way."""
        return metric_at(self.metric, clean.lerp(corrupted, share), self.batch, clean).gradient

    def _given(self, gradient: Tensor) -> Tensor:
        self.steepest = max(self.steepest, float(gradient.abs().max()))
        return gradient


@dataclass(frozen=True)
class Profile:
    """``f(t) = L(z + t (z' - z)) - L(z)`` of every prompt.

    Args:
        values: at ``SHARES``.
        reach: the sum over logits of ``|g (z' - z)|``: what f(1) could be.
    """

    values: Float[Tensor, "batch shares"]
    reach: Float[Tensor, " batch"]

    def apply(
        self, scores: Float[Tensor, " batch *edges"], *, by_place: bool = False
    ) -> Float[Tensor, " batch *edges"]:
        """``f(S / f(1))`` of every score; the score itself where L is the same at both ends.

        Args:
            scores: of edges.
            by_place: whether the last axis is that of places: then ``S`` is the sum over it, and each place has its
                share of ``f(S / f(1))``, or of the slope there where ``S`` is near zero.
        """
        values = self.values.to(scores.dtype)
        grid = values.new_tensor(SHARES)
        made = torch.empty_like(scores)
        for row, (profile, reach) in enumerate(zip(values, self.reach.tolist(), strict=True)):
            whole = profile[SHARES.index(1.0)]
            if abs(whole.item()) <= NO_CHANGE * reach:
                made[row] = scores[row]
                continue
            share = (scores[row].sum(-1) if by_place else scores[row]) / whole
            right = torch.bucketize(share, grid).clamp(1, len(grid) - 1)
            slope = (profile[1:] - profile[:-1]) / (grid[1:] - grid[:-1])
            there = profile[right - 1] + slope[right - 1] * (share - grid[right - 1])
            if by_place:
                near = (grid[right - 1] == 0) | (grid[right] == 0)
                rate = torch.where(near, slope[right - 1], there / share) / whole
                made[row] = scores[row] * rate[..., None]
            else:
                made[row] = there
        return made


def _reach(clean: Tensor, corrupted: Tensor, gradient: Tensor) -> Float[Tensor, " batch"]:
    return (gradient * (corrupted - clean)).abs().flatten(1).sum(1)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same place in memory, read the same way."""
    return one is other or (
        one.data_ptr() == other.data_ptr() != 0 and one.shape == other.shape and one.stride() == other.stride()
    )
