"""Which edges are measured: some for certain, the others by a uniform lot."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.errors import SelectionError
from edgewise.evaluation.sampling import LEAST_DRAWN, Sample, require_enough
from estimates import strata

SIZES = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0, 9.0, 7.0, 9.0, 3.0])


def test_what_is_certain_is_not_drawn() -> None:
    sample = strata(SIZES, 14, 4, 0)
    assert np.flatnonzero(sample.certain).tolist() == [5, 11, 12, 14]
    assert sample.n_drawn == LEAST_DRAWN
    assert not (sample.certain & sample.drawn).any()


def test_weights_are_one_over_the_probability() -> None:
    sample = strata(SIZES, 13, 3, 0)
    expected = np.where(sample.certain, 1.0, 13 / 10)[sample.measured]
    np.testing.assert_array_equal(sample.weights, expected)
    assert sample.weights.sum() == pytest.approx(16)


def test_every_other_one_is_drawn_equally_often() -> None:
    """Of 13 others 10 are drawn: 4000 seeds, four standard errors of a share."""
    drawn = np.mean([strata(SIZES, 13, 3, seed).drawn for seed in range(4000)], axis=0)
    assert drawn[[5, 12, 14]].tolist() == [0, 0, 0]
    others = np.delete(drawn, [5, 12, 14])
    assert np.abs(others - 10 / 13).max() < 4 * np.sqrt(10 / 13 * 3 / 13 / 4000)


def test_a_seed_is_a_draw() -> None:
    sizes = np.arange(1000.0)
    first, again, other = (strata(sizes, 60, 30, seed).drawn for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("n", [16, 17, 10**9])
def test_as_many_as_there_are_is_a_census(n: int) -> None:
    sample = strata(SIZES, n, 3, 0)
    assert sample.is_census
    assert sample.measured.all()
    assert (sample.weights == 1).all()


@pytest.mark.parametrize(
    ("n", "top", "match"),
    [(15, 6, "leaves 9 to draw .* measure 16 or more"), (5, 9, "leaves 0"), (15, -1, "give 0 or more")],
)
def test_too_few_to_draw_are_refused(n: int, top: int, match: str) -> None:
    with pytest.raises(SelectionError, match=match):
        require_enough(n, top)


def test_a_sample_that_says_nothing_is_refused() -> None:
    yes, no = np.array([True, False]), np.array([False, False])
    with pytest.raises(SelectionError, match="nothing can be said"):
        Sample(yes, no)
    with pytest.raises(SelectionError, match="both chosen and drawn"):
        Sample(yes, yes)
    with pytest.raises(SelectionError, match="two masks"):
        Sample(yes, no[:1])
