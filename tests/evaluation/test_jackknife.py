"""Quantiles of Student's t against scipy's."""

from __future__ import annotations

import pytest
from scipy import stats

from edgewise.evaluation.jackknife import student_quantile


@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
@pytest.mark.parametrize("freedom", [1, 2, 8, 9, 12, 20, 50, 199])
def test_quantiles(probability: float, freedom: int) -> None:
    expected = stats.t.ppf(probability, freedom)
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=2e-3 if freedom > 2 else 1e-9)
