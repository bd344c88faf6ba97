"""How many of a finite population have a property, from a sample of it without replacement: exact intervals.

With ``A`` of ``M`` having it, the number found in a sample of ``m`` is hypergeometric. The interval holds every ``A``
under which neither so few nor so many would be found with probability below half of one minus the level (Clopper and
Pearson 1934, for a finite population): it covers the truth with at least its level, whatever the truth is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from edgewise.graph.arrays import FloatArray

LEVEL = 0.95


@cache
def interval(found: int, sample: int, population: int, level: float = LEVEL) -> tuple[int, int]:
    """The least and the largest number in the population that go with what was found.

    Args:
        found: how many of the sample have the property.
        sample: its size.
        population: that of what it was drawn from.
        level: of confidence.
    """
    least, most = found, population - (sample - found)
    tail = (1 - level) / 2
    low = _first(least, most, lambda having: _at_least(found, sample, having, population) > tail)
    high = _last(least, most, lambda having: _at_most(found, sample, having, population) > tail)
    return low, high


def _at_most(found: int, sample: int, having: int, population: int) -> float:
    """Probability of finding so many or fewer."""
    return _probability(max(0, sample - (population - having)), found, sample, having, population)


def _at_least(found: int, sample: int, having: int, population: int) -> float:
    return _probability(found, min(sample, having), sample, having, population)


def _probability(first: int, last: int, sample: int, having: int, population: int) -> float:
    """Of finding from `first` to `last` of them."""
    log, count = _log_factorials(population), np.arange(first, last + 1)

    def choose(n: int, k: Any) -> Any:
        return log[n] - log[k] - log[n - k]

    ways = choose(having, count) + choose(population - having, sample - count) - choose(population, sample)
    return float(np.exp(ways).sum())


@cache
def _log_factorials(n: int) -> FloatArray:
    return np.concatenate([np.zeros(1), np.cumsum(np.log(np.arange(1, n + 1)))])


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least number for which something holds, that holds for all larger ones and for the last."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The largest number for which something holds, that holds for all smaller ones and for the first."""
    return high + low - _first(low, high, lambda number: holds(high + low - number))
