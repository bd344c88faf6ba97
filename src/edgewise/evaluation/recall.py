"""Of the k edges of largest exact effect, the share that is among the k of largest score, from a sample.

Ranked by |exact|, largest first, the population's first k end at some threshold. From the weights: the measured ones
in that order stand for more and more of the population; where they stand for k, the hits among them are counted.

The interval is Woodruff's (1952), by exact counts. However many of the measured ones a threshold leaves above it, the
number of the unmeasured above it has a hypergeometric interval; the true threshold is one under which k in all can
lie above, and the recall lies between those at the lowest and the highest of these. So it covers what the sample never
saw: unmeasured edges of a large effect that their score hides.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgewise.evaluation.counts import LEVEL, interval
from edgewise.evaluation.sampling import Sample, strongest_first
from edgewise.graph.arrays import BoolArray, FloatArray


def recall(sizes: FloatArray, chosen: BoolArray, sample: Sample) -> tuple[float, float, float]:
    """Estimate the recall.

    Args:
        sizes: |exact| of the measured ones, ``[measured]``.
        chosen: which of the population have the k largest scores, bool ``[n]``.
        sample: how the measured ones were chosen.

    Returns:
        The estimate and its 95 % interval.
    """
    k = int(chosen.sum())
    order = strongest_first(sizes)
    certain, hit = sample.certain[sample.measured][order], chosen[sample.measured][order]
    weights = sample.weights[order]
    above = np.cumsum(weights)
    # The one that stands across the threshold counts for the part above it.
    counted = np.clip(k - (above - weights), 0.0, weights)
    value = float(min((counted * hit).sum() / k, 1.0))
    if sample.is_census:
        return value, value, value
    low, high = _interval(k, certain, hit, sample, _hidden(chosen, sample))
    # Weights know nothing of how many of the k are sampled, the interval does.
    return min(max(value, low), high), low, high


def _hidden(chosen: BoolArray, sample: Sample) -> int:
    """How many of the k are not measured for certain."""
    return int((chosen & ~sample.certain).sum())


def _interval(k: int, certain: BoolArray, hit: BoolArray, sample: Sample, hidden: int) -> tuple[float, float]:
    """Where some of the k are themselves sampled, their number has an interval too; each gets half of the doubt."""
    level = LEVEL if not hidden else 1 - (1 - LEVEL) / 2

    def firsts(flags: BoolArray) -> list[int]:
        return [0, *np.cumsum(flags).tolist()]

    sure, drawn = firsts(certain), firsts(~certain)
    sure_hits, drawn_hits = firsts(certain & hit), firsts(~certain & hit)

    def total(first: int, end: int) -> int:
        return sure[first] + interval(drawn[first], sample.n_drawn, sample.n_others, level)[end]

    def hits(first: int, end: int) -> int:
        if not hidden:
            return sure_hits[first]
        return sure_hits[first] + interval(drawn_hits[first], drawn_hits[-1], hidden, level)[end]

    n = len(certain)
    highest = _first_that(n, lambda first: total(first, 1) >= k)
    lowest = _first_that(n, lambda first: total(first, 0) > k)
    lowest = lowest - 1 if total(lowest, 0) > k else lowest
    return min(hits(highest, 0) / k, 1.0), min(hits(max(highest, lowest), 1) / k, 1.0)


def _first_that(n: int, holds: Callable[[int], bool]) -> int:
    """The least of 0 to n for which something holds, that holds for all above; n if for none."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
