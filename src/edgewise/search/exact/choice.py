"""Which edges are patched exactly: for certain where much is in doubt for the price, and some of the rest by lot.

The doubt about an edge is ``f = max(|score|, |score - second|)``, the second estimate being that of another method:
errors of cheap estimates are largest where estimates are large, and where two of different kinds disagree.

- For certain: those of largest f² for what their run costs. Runs into the last layers cost next to nothing.
- By lot, of the rest: priority sampling (Duffield, Lund and Thorup, JACM 2007). Edge i has a weight p_i, nine tenths of
  it as f^1.5 and a tenth even, over its cost to the power 3/4, and a number u_i, even in (0, 1); the k of least
  u_i / p_i are drawn. With t the next u / p, each was drawn with chance ``min(1, p_i t)``, and sums over what was drawn
  of ``x_i / chance_i`` are unbiased. A larger sample contains a smaller one, so that measuring can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray

CERTAIN_SHARE = 0.65
"""Of what may be spent, the part that goes to those that are certain."""
LEAST_DRAWN = 4
"""Fewer than these say too little about the rest, so as many are drawn whatever they cost."""
EVEN_SHARE, POWER, CHEAPER = 0.1, 1.5, 0.75


@dataclass(frozen=True, eq=False)
class Doubt:
    """How much is in doubt about each score, in the shape of the scores; NaN where there is none.

    Args:
        sizes: f, in units of the metric.
        costs: what measuring takes, in forward passes of one prompt.
        seed: of the lot.
    """

    sizes: FloatArray
    costs: FloatArray
    seed: int

    def __post_init__(self) -> None:
        """Require something to be in doubt about."""
        if not self.known.any():
            raise ScoreError("nothing has a score; there is nothing to check")

    @cached_property
    def known(self) -> BoolArray:
        """What has a score."""
        return np.asarray(~np.isnan(self.sizes), dtype=np.bool_)

    def choose(self, certain: float, drawn: float, *, by_number: bool = False) -> Choice:
        """Choose what to measure.

        Args:
            certain: what may be spent on those of most doubt, in forward passes of one prompt.
            drawn: likewise on those that are drawn.
            by_number: both are numbers of edges instead, whatever these cost.
        """
        costs = np.ones_like(self.costs[self.known]) if by_number else self.costs[self.known]
        sizes = self.sizes[self.known].astype(np.float64)
        sure = _afforded(np.argsort(-(sizes**2) / costs, kind="stable"), costs, certain)
        number = int(drawn) if by_number else self._affordable(sizes, costs, ~sure, drawn)
        chance, taken = self._by_lot(sizes, costs, ~sure, number)
        return Choice(self.known, self._spread(sure), self._spread(taken), self._spread(chance))

    def further(self, certain: BoolArray, drawn: BoolArray, largest: int, more: int) -> Choice:
        """Go on from what was chosen: some more for certain, and some more by the same lot.

        Args:
            certain: what was certain, in the shape of the scores.
            drawn: what was drawn.
            largest: how many of those of most doubt, measured neither way yet, are certain from now on.
            more: how many more are drawn.
        """
        known = self.known
        sizes, sure, taken = self.sizes[known].astype(np.float64), certain[known].copy(), drawn[known]
        rest = np.flatnonzero(~sure)
        weights = _weights(sizes[rest], self.costs[known][rest]) if len(rest) else np.empty(0)
        order = np.argsort(-sizes[rest], kind="stable")
        new = np.cumsum(~taken[rest][order])
        firsts = order[: int(np.searchsorted(new, largest, side="left")) + 1] if largest else order[:0]
        sure[rest[firsts]] = True
        left = ~sure[rest]
        chance, lot = self._lot(rest[left], weights[left], int((taken & ~sure).sum()) + more)
        return Choice(known, self._spread(sure), self._spread(lot), self._spread(chance))

    def _affordable(self, sizes: FloatArray, costs: FloatArray, rest: BoolArray, spend: float) -> int:
        """As many as the mean cost of a draw affords: a number that is fixed before the lot."""
        if spend <= 0 or not rest.any():
            return 0
        mean = float(_weights(sizes[rest], costs[rest]) @ costs[rest])
        return max(LEAST_DRAWN, int(spend / mean))

    def _by_lot(
        self, sizes: FloatArray, costs: FloatArray, rest: BoolArray, number: int
    ) -> tuple[FloatArray, BoolArray]:
        """Chances and the lot: chance one where nothing is left to it."""
        places = np.flatnonzero(rest)
        weights = _weights(sizes[places], costs[places]) if len(places) else np.empty(0)
        return self._lot(places, weights, number)

    def _lot(self, places: npt.NDArray[np.intp], weights: FloatArray, number: int) -> tuple[FloatArray, BoolArray]:
        """Draw so many of some places; the chances and what is drawn, of all that have a score."""
        n = int(self.known.sum())
        chance, taken = np.ones(n), np.zeros(n, dtype=np.bool_)
        if not len(places) or number < 1:
            return chance, taken
        keys = np.random.default_rng(self.seed).random(n)[places] / weights
        order = np.argsort(keys, kind="stable")
        if number >= len(places):
            taken[places] = True
            return chance, taken
        taken[places[order[:number]]] = True
        chance[places] = np.minimum(1.0, weights * keys[order[number]])
        return chance, taken

    def _spread(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        full = np.zeros(self.known.shape, dtype=values.dtype)
        full[self.known] = values
        return full


@dataclass(frozen=True, eq=False)
class Choice:
    """What is measured, in the shape of the scores.

    Args:
        known: what has a score.
        certain: what is measured whatever the lot says.
        drawn: what the lot drew of the rest.
        chance: with which each of the rest was drawn.
    """

    known: BoolArray
    certain: BoolArray
    drawn: BoolArray
    chance: FloatArray

    @property
    def measured(self) -> BoolArray:
        """Both."""
        return self.certain | self.drawn

    @property
    def left(self) -> BoolArray:
        """What keeps its estimate."""
        return self.known & ~self.measured


def doubt(
    scores: EdgeScores | NodeScores,
    costs: FloatArray,
    apart: FloatArray | None = None,
    *,
    seed: int = 0,
) -> Doubt:
    """The doubt about scores.

    Args:
        scores: estimates; those that are exact already (``verified``) are in no doubt.
        costs: what measuring each takes, in forward passes of one prompt, in the shape of the scores.
        apart: what a second estimate differs by, in the shape of the scores, NaN where there is none; None to go by
            |score| alone.
        seed: of the lot.

    Raises:
        ScoreError: a second estimate of another shape; or nothing has a score that is not exact.
    """
    sizes = np.abs(scores.values).astype(np.float64)
    if apart is not None:
        if apart.shape != sizes.shape:
            raise ScoreError(f"scores are {sizes.shape}, what the second ones differ by {apart.shape}")
        # Where the second estimate is missing, fmax takes the first.
        sizes = np.where(np.isnan(sizes), np.nan, np.fmax(sizes, np.abs(apart)))
    if scores.verified is not None:
        sizes = np.where(scores.verified, np.nan, sizes)
    return Doubt(sizes, costs, seed)


def _weights(sizes: FloatArray, costs: FloatArray) -> FloatArray:
    """The weight of each in the lot; they sum to one."""
    powered = sizes**POWER
    total = powered.sum()
    even = np.full(len(sizes), 1.0 / len(sizes))
    mixed = even if not total else (1 - EVEN_SHARE) * powered / total + EVEN_SHARE * even
    weights = mixed / costs**CHEAPER
    return np.asarray(weights / weights.sum())


def _afforded(order: npt.NDArray[np.intp], costs: FloatArray, spend: float) -> BoolArray:
    """The first in an order that can be paid for; what is too dear is passed over."""
    chosen, left, cheapest = np.zeros(len(costs), dtype=np.bool_), spend, costs.min()
    for place in order:
        if left < cheapest:
            break
        if costs[place] <= left:
            chosen[place], left = True, left - costs[place]
    return chosen
