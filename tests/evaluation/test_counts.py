"""Exact intervals for counts in a finite population, against scipy's hypergeometric distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgewise.evaluation.counts import interval


@pytest.mark.parametrize(("sample", "population"), [(1, 1), (5, 12), (20, 20), (10, 200), (60, 61)])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_interval_holds_what_a_two_sided_test_accepts(sample: int, population: int, level: float) -> None:
    tail = (1 - level) / 2
    for found in range(sample + 1):
        having = np.arange(found, population - sample + found + 1)
        law = stats.hypergeom(population, having, sample)
        accepted = having[(law.cdf(found) > tail) & (law.sf(found - 1) > tail)]
        assert interval(found, sample, population, level) == (accepted.min(), accepted.max()), found


def test_the_truth_is_covered_wherever_it_lies() -> None:
    for having in range(41):
        law = stats.hypergeom(40, having, 12)
        held = sum(law.pmf(found) for found in range(13) if _holds(found, 12, 40, having))
        assert held >= 0.95


def _holds(found: int, sample: int, population: int, having: int) -> bool:
    if not population - having - (sample - found) >= 0 or found > having:
        return False
    low, high = interval(found, sample, population)
    return low <= having <= high


def test_nothing_was_drawn() -> None:
    assert interval(0, 0, 7) == (0, 7)
    assert interval(0, 0, 0) == (0, 0)


def test_a_whole_model_takes_no_time() -> None:
    low, high = interval(900, 1000, 32_000)
    law = stats.hypergeom(32_000, np.array([low - 1, low, high, high + 1]), 1000)
    assert (law.sf(899)[:2] > 0.025).tolist() == [False, True]
    assert (law.cdf(900)[2:] > 0.025).tolist() == [True, False]
