"""How far scores agree with exact effects of a sample whose inclusion probabilities are known.

Every statistic is that of the whole population as the sample estimates it: each measured edge stands for
``1 / probability`` of them (Horvitz and Thompson, 1952). There are no intervals; `edgewise.evaluation.agreement` has
those of a sample of two strata.
"""

from __future__ import annotations

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.agreement import Agreement, Estimate
from edgewise.evaluation.sampling import strongest_first
from edgewise.evaluation.weighted import line, pearson, spearman
from edgewise.graph.arrays import BoolArray, FloatArray, IntArray


def agreement_with_sample(
    scores: FloatArray, exact: FloatArray, edge: IntArray, probability: FloatArray, k: int
) -> Agreement:
    """Compare the scores of all edges with the exact effects of some.

    Args:
        scores: of the population, ``[n]``, no NaN.
        exact: effects of the measured ones, ``[measured]``.
        edge: where they stand in the population, ``[measured]``.
        probability: with which each was chosen, ``[measured]``, above 0.
        k: how many of the largest count for the shares of the largest.

    Raises:
        ScoreError: a score that is not finite.
    """
    if not np.isfinite(scores).all():
        raise ScoreError(f"{int((~np.isfinite(scores)).sum()):,} of {len(scores):,} edges have no score; score all")
    x, y, weights = scores[edge], exact.astype(np.float64), 1.0 / probability.astype(np.float64)
    top = np.zeros(len(scores), dtype=np.bool_)
    top[strongest_first(np.abs(scores))[:k]] = True
    same = np.sign(x) == np.sign(y)
    slope, intercept = (_number(value) for value in line(x, y, weights))
    linear = _number(pearson(x, y, weights))
    return Agreement(
        population=len(scores),
        measured=len(edge),
        k=k,
        r2=Estimate(None if linear.value is None else linear.value**2),
        slope=slope,
        intercept=intercept,
        pearson=linear,
        spearman=_number(spearman(x, y, weights)),
        spearman_of_sizes=_number(spearman(np.abs(x), np.abs(y), weights)),
        sign_agreement=_share(same, weights),
        sign_agreement_of_top=_share(same[top[edge]], weights[top[edge]]),
        recall=_recall(np.abs(y), top[edge], weights, k),
    )


def _number(value: FloatArray) -> Estimate:
    return Estimate(float(value) if np.isfinite(value) else None)


def _share(has: BoolArray, weights: FloatArray) -> Estimate:
    return Estimate(float((weights * has).sum() / weights.sum()) if len(weights) else None)


def _recall(sizes: FloatArray, hit: BoolArray, weights: FloatArray, k: int) -> Estimate:
    """The one that stands across the threshold counts for the part above it."""
    order = strongest_first(sizes)
    above = np.cumsum(weights[order])
    counted = np.clip(k - (above - weights[order]), 0.0, weights[order])
    return Estimate(float(min(1.0, (counted * hit[order]).sum() / k)))
