"""Weighted moments, ranks and correlations: a weight of three is the same value three times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edgewise.evaluation.weighted import line, mid_ranks, pearson, spearman

SMALL = st.integers(-3, 3).map(float)
ROWS = st.lists(st.tuples(SMALL, SMALL, st.integers(1, 4)), min_size=3, max_size=30)


def columns(rows: list[tuple[float, float, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, w = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return x, y, w


@settings(max_examples=200)
@given(ROWS)
def test_repeated_values_and_ties(rows: list[tuple[float, float, int]]) -> None:
    x, y, w = columns(rows)
    many_x, many_y = np.repeat(x, w.astype(int)), np.repeat(y, w.astype(int))
    np.testing.assert_allclose(np.repeat(mid_ranks(x, w), w.astype(int)), stats.rankdata(many_x))
    if np.ptp(x) == 0:
        assert np.isnan(line(x, y, w)[0])
        assert np.isnan(pearson(x, y, w))
        assert np.isnan(spearman(x, y, w))
        return
    fit = stats.linregress(many_x, many_y)
    np.testing.assert_allclose(line(x, y, w), (fit.slope, fit.intercept), atol=1e-12)
    if np.ptp(y) == 0:
        assert np.isnan(pearson(x, y, w))
        assert np.isnan(spearman(x, y, w))
    else:
        assert pearson(x, y, w) == pytest.approx(stats.pearsonr(many_x, many_y)[0], abs=1e-12)
        assert spearman(x, y, w) == pytest.approx(stats.spearmanr(many_x, many_y)[0], abs=1e-12)


def test_by_hand() -> None:
    """Weights 2, 1, 1 on (0, 0), (1, 1), (2, 1): means 3/4 and 1/2, var x 11/16, cov 3/8."""
    x, y, w = np.array([0.0, 1, 2]), np.array([0.0, 1, 1]), np.array([2.0, 1, 1])
    assert mid_ranks(x, w).tolist() == [1.5, 3, 4]
    assert mid_ranks(y, w).tolist() == [1.5, 3.5, 3.5]
    slope, intercept = line(x, y, w)
    assert slope == pytest.approx(6 / 11)
    assert intercept == pytest.approx(1 / 2 - 6 / 11 * 3 / 4)
    assert pearson(x, y, w) == pytest.approx(3 / 8 / np.sqrt(11 / 16 / 4))


def test_many_weightings_at_once_are_each_of_them() -> None:
    draw = np.random.default_rng(0)
    x, y, w = draw.normal(size=40), draw.integers(0, 5, 40).astype(float), draw.integers(0, 3, (6, 40)) + 0.5
    for statistic in (pearson, spearman, mid_ranks, lambda *a: line(*a)[0]):
        arguments = (x,) if statistic is mid_ranks else (x, y)
        each = [statistic(*arguments, some) for some in w]
        np.testing.assert_allclose(statistic(*arguments, w), each, rtol=1e-12)


def test_little_is_lost_to_rounding_far_from_zero() -> None:
    x = 1e6 + np.arange(20) * 1e-3
    y = np.sin(np.arange(20))
    assert pearson(x, y, np.ones(20)) == pytest.approx(stats.pearsonr(np.arange(20), y)[0], abs=1e-6)
