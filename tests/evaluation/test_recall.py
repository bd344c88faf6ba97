"""Top-k recall from a sample, by hand."""

from __future__ import annotations

import numpy as np

from edgewise.evaluation.recall import recall
from edgewise.evaluation.sampling import Sample


def flags(n: int, *places: int) -> np.ndarray:
    return np.isin(np.arange(n), places)


def test_one_that_stands_across_the_threshold_counts_for_its_part() -> None:
    """Of five, two drawn stand for two each: the first k = 2 are the sure one and half of the next."""
    sample = Sample(flags(5, 0), flags(5, 1, 3))
    value, _, _ = recall(np.array([5.0, 4.0, 1.0]), flags(5, 0, 1), sample)
    assert value == 1.0
    value, _, _ = recall(np.array([5.0, 4.0, 1.0]), flags(5, 0, 2), sample)
    assert value == 0.5


def test_all_of_the_k_may_be_the_sure_ones() -> None:
    """Three sure ones above all ten drawn: none of the others may lie above, or three of the ten not drawn."""
    sample = Sample(flags(23, 0, 1, 2), flags(23, *range(3, 13)))
    sizes = np.array([10.0, 9.0, 8.0, *np.linspace(0.1, 0.9, 10)])
    assert recall(sizes, flags(23, 0, 1, 2), sample) == (1.0, 0.0, 1.0)


def test_the_more_is_drawn_the_less_is_hidden() -> None:
    """90 of 100 drawn, none above the sure ones: one may be (unseen with probability .1), two may not (.01)."""
    sample = Sample(flags(110, *range(10)), flags(110, *range(10, 100)))
    sizes = np.array([*np.linspace(20, 10, 10), *np.linspace(0.1, 0.9, 90)])
    assert recall(sizes, flags(110, *range(10)), sample) == (1.0, 0.9, 1.0)
