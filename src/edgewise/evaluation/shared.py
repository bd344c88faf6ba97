"""What several sets of prompts have in common: scores of one graph made into one, pure functions of arrays.

A set's scores are first parted by the size of its whole effect, so that sets whose metrics differ in size count alike:

    part_i(e) = score_i(e) / |mean L_i on corrupted - mean L_i on clean|

Then, of every edge (or node) that all sets have scored:

- ``min``: the smallest |part| of all sets, with their sign; 0 where the signs differ. What each set needs.
- ``mean``: the mean of the parts. What helps on average; one set alone can put an edge there.
- ``rank``: the mean over sets of the rank of |part| among all, from 0 to 1 for the largest, with the sign of the mean
  part. How large a part is, whatever the shape of a set's scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.weighted import mid_ranks
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import FloatArray
from edgewise.settings.together import Way

Scores: TypeAlias = EdgeScores | NodeScores


def parts(scores: Scores, clean: float, corrupted: float) -> FloatArray:
    """Scores as parts of a set's whole effect, in the shape of the scores; NaN where unscored.

    Args:
        scores: of the set.
        clean: the mean of its metric on clean prompts.
        corrupted: on corrupted ones.

    Raises:
        ScoreError: the metric is the same on both, so that there is no effect to take parts of.
    """
    whole = abs(corrupted - clean)
    if not whole > 0:
        raise ScoreError(f"the metric is {clean:.3g} on clean and on corrupted prompts, so scores are parts of nothing")
    return scores.values.astype(np.float64) / whole


def shared(of_sets: Sequence[FloatArray], way: Way) -> FloatArray:
    """One score of the parts of several sets; NaN where any of them has none.

    Args:
        of_sets: `parts` of each.
        way: ``"min"``, ``"mean"`` or ``"rank"``.
    """
    return _WAYS[way](np.stack(of_sets))


def elsewhere(of_sets: Sequence[FloatArray], number: int) -> FloatArray:
    """The largest |part| that any other set has, NaN where any has none."""
    others = [np.abs(one) for place, one in enumerate(of_sets) if place != number]
    largest: FloatArray = np.max(np.stack(others), axis=0)
    return largest


def _min(stacked: FloatArray) -> FloatArray:
    signs = np.sign(stacked)
    agree = np.all(signs == signs[:1], axis=0)
    least = np.abs(stacked).min(0)
    return np.where(np.isnan(least), np.nan, np.where(agree, signs[0] * least, 0.0))


def _mean(stacked: FloatArray) -> FloatArray:
    mean: FloatArray = stacked.mean(0)
    return mean


def _rank(stacked: FloatArray) -> FloatArray:
    known = ~np.isnan(stacked).any(0)
    found = np.full(known.shape, np.nan)
    alike = np.ones(int(known.sum()))
    last = max(1, len(alike) - 1)
    ranks = np.stack([(mid_ranks(np.abs(one[known]), alike) - 1) / last for one in stacked])
    found[known] = np.sign(stacked[:, known].mean(0)) * ranks.mean(0)
    return found


_WAYS: dict[str, Callable[[FloatArray], FloatArray]] = {"min": _min, "mean": _mean, "rank": _rank}
