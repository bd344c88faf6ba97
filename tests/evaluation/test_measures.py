"""Shares and areas against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.evaluation.measures import areas, faithfulness, is_flat, mean
from edgewise.evaluation.sizes import FRACTIONS


def test_faithfulness_is_of_the_means_and_not_the_mean_of_ratios() -> None:
    full, empty, kept = (np.array(values, dtype=float) for values in ([4, 2], [0, 0], [4, 0]))
    # means 3, 0 and 2; the ratios of the prompts are 1 and 0
    assert faithfulness(kept, full, empty)[0] == pytest.approx(2 / 3)


def test_the_ends_are_0_and_1_without_error() -> None:
    draw = np.random.default_rng(0)
    full, empty = draw.normal(3, 1, 20), draw.normal(0, 1, 20)
    assert faithfulness(full, full, empty) == pytest.approx((1, 0))
    assert faithfulness(empty, full, empty) == pytest.approx((0, 0))


@pytest.mark.parametrize("better", [1, -1])
def test_its_standard_error_is_that_of_repeated_draws_whichever_way_is_better(better: int) -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        full = better * draw.normal(3, 1, 50)
        empty = better * draw.normal(0, 1, 50)
        kept = 0.6 * full + 0.4 * empty + draw.normal(0, 1, 50)
        found.append(faithfulness(kept, full, empty))
    f, stderr = np.array(found, dtype=float).T
    assert f.mean() == pytest.approx(0.6, abs=0.005)
    assert stderr.mean() == pytest.approx(f.std(ddof=1), rel=0.05)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e6])
def test_a_metric_that_does_not_change_gives_no_share(size: float) -> None:
    full = np.array([size, 3 * size])
    assert is_flat(full, full + 1e-9 * size)
    assert faithfulness(full, full, full) == (None, None)


def test_a_small_metric_that_changes_is_not_flat() -> None:
    assert faithfulness(np.array([1e-12]), np.array([2e-12]), np.array([0.0])) == (pytest.approx(0.5), None)


def test_one_prompt_has_no_standard_error() -> None:
    assert mean(np.array([2.0])) == (2.0, None)
    assert mean(np.array([1.0, 3.0])) == (2.0, pytest.approx(1.0))


def test_areas_of_three_points_by_hand() -> None:
    # trapezoids: .5 (0 + .5) / 2 + .4 (.5 + 1.5) / 2; distances from 1: 1, .5, .5
    cpr, cmd = areas([0.1, 0.6, 1.0], [0.0, 0.5, 1.5])
    assert cpr == pytest.approx(0.125 + 0.4)
    assert cmd == pytest.approx(0.375 + 0.2)


def test_the_ten_fractions_and_what_a_perfect_and_an_absent_circuit_score() -> None:
    assert FRACTIONS == (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
    assert areas(FRACTIONS, [1.0] * 10) == pytest.approx((0.999, 0))
    # 0 up to one half, then a straight line to 1
    assert areas(FRACTIONS, [0.0] * 9 + [1.0]) == pytest.approx((0.25, 0.749))


def test_areas_are_those_of_the_benchmarks_loop() -> None:
    """Written as MIB's evaluation writes it."""
    f = np.random.default_rng(1).normal(0.5, 0.6, 10).tolist()
    under = between = 0.0
    for i in range(9):
        width = FRACTIONS[i + 1] - FRACTIONS[i]
        under += width * (f[i] + f[i + 1]) / 2
        between += width * (abs(1.0 - f[i]) + abs(1.0 - f[i + 1])) / 2
    assert areas(FRACTIONS, f) == pytest.approx((under, between))
