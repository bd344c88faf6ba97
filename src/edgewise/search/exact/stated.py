"""How wrong the scores that were not measured can be, by those that were drawn and measured.

With the error ``e = exact - estimate`` of what the lot drew, each with its chance (`edgewise.search.exact.choice`), the
squared error of what keeps its estimate is estimated without bias by ``sum of e² (1/chance - 1)``. Its distribution has
a heavy tail, and an interval from its spread is too short. The limit takes the doubt f for the scale of an error:

    squared error of the rest  <=  q * sum of f² of the rest,

q being the `QUANTILE` of the ratios ``(e / f)²`` of what was drawn, by the f² that each stands for (with fewer than
`MANY`, the largest), times ``1 + CAUTION / drawn``: few draws seldom show the largest errors. How often it holds on
stored exact effects of real models is counted by ``benchmarks/coverage.py``.
"""

from __future__ import annotations

import numpy as np

from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.stated_error import StatedError
from edgewise.search.exact.choice import LEAST_DRAWN, Choice

LEVEL = 0.9
QUANTILE, MANY, CAUTION = 0.98, 20, 45.0


def stated(
    choice: Choice,
    doubt: FloatArray,
    estimates: FloatArray,
    exact: FloatArray,
    kept: BoolArray | None = None,
) -> StatedError | None:
    """State the error; None where too little was drawn.

    Args:
        choice: what was measured, and how it was chosen.
        doubt: f, in the shape of the scores.
        estimates: the scores before anything was measured.
        exact: exact effects of what was measured; elsewhere anything.
        kept: which of what was measured keeps its estimate for its score all the same, so that its error counts; none
            by default.
    """
    known, drawn, left = choice.known, choice.drawn, choice.left
    stays = np.zeros_like(known) if kept is None else kept & choice.measured
    seen = float(((exact[stays] - estimates[stays]).astype(np.float64) ** 2).sum())
    scores = np.where(choice.measured, exact, estimates)[known].astype(np.float64)
    about = float(((scores - scores.mean()) ** 2).sum())
    if not about:
        return None
    if not left.any():
        return StatedError(int(drawn.sum()), 1.0 - seen / about, 1.0 - seen / about)
    if int(drawn.sum()) < LEAST_DRAWN:
        return None
    squares = (exact[drawn] - estimates[drawn]).astype(np.float64) ** 2
    chance, sizes = choice.chance[drawn], np.maximum(doubt[drawn] ** 2, np.finfo(np.float64).tiny)
    estimated = float((squares * (1.0 / chance - 1.0)).sum())
    limit = most(squares / sizes, sizes / chance) * float((doubt[left] ** 2).sum())
    r2, least = (1.0 - (seen + rest) / about for rest in (estimated, max(limit, estimated)))
    return StatedError(int(drawn.sum()), r2, least)


def recall(choice: Choice, estimates: FloatArray, exact: FloatArray, k: int) -> float | None:
    """Of the k edges of largest exact effect, about which share is among the k of largest score.

    With t the k-th largest score, an edge that keeps its estimate is missed where |exact| is t or more and |estimate|
    less, and is there wrongly the other way round. For each missed one another is there wrongly, so that half of both
    is what is missing of k; what was drawn counts ``1/chance - 1`` of the rest.

    Args:
        choice: what was measured, and how it was chosen.
        estimates: the scores before anything was measured.
        exact: exact effects of what was measured; elsewhere anything.
        k: how many.

    Returns:
        The share; None where fewer than `MANY` were drawn, or k is all there are.
    """
    known, drawn = choice.known, choice.drawn
    n = int(known.sum())
    if int(drawn.sum()) < MANY or not 0 < k < n:
        return None
    sizes = np.abs(np.where(choice.measured, exact, estimates)[known])
    threshold = np.partition(sizes, n - k)[n - k]
    moved = (np.abs(exact[drawn]) >= threshold) != (np.abs(estimates[drawn]) >= threshold)
    wrong = float((moved * (1.0 / choice.chance[drawn] - 1.0)).sum()) / 2
    return max(0.0, 1.0 - wrong / k)


def most(ratios: FloatArray, weights: FloatArray) -> float:
    """What multiplies the doubts of the rest: from ``(e / f)²`` of what was drawn, and what of f² each stands for."""
    order = np.argsort(ratios)
    below = np.cumsum(weights[order]) / weights.sum()
    place = int(np.searchsorted(below, QUANTILE)) if len(ratios) >= MANY else len(ratios) - 1
    return float(ratios[order[min(place, len(ratios) - 1)]]) * (1 + CAUTION / len(ratios))
