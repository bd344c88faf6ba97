"""Moments, ranks and correlations of a population from weighted observations, for many weightings at once.

Weights ``w`` are numbers of population members, ``[..., n]``; what is undefined is NaN. With all weights one, the
results are those of the usual formulas.
"""

from __future__ import annotations

import numpy as np

from edgewise.graph.arrays import FloatArray


def line(x: FloatArray, y: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least squares ``y = intercept + slope x``.

    Args:
        x: ``[n]``.
        y: ``[n]``.
        w: ``[..., n]``.

    Returns:
        Slope and intercept, ``[...]`` each; NaN where x does not vary.
    """
    mean_x, mean_y, xx, _, xy = _moments(x, y, w)
    slope = _ratio(xy, xx)
    return slope, mean_y - slope * mean_x


def pearson(x: FloatArray, y: FloatArray, w: FloatArray) -> FloatArray:
    """Correlation, ``[...]``; NaN where x or y does not vary. Args as of `line`."""
    _, _, xx, yy, xy = _moments(x, y, w)
    return np.clip(_ratio(xy, np.sqrt(xx * yy)), -1.0, 1.0)


def spearman(x: FloatArray, y: FloatArray, w: FloatArray) -> FloatArray:
    """Pearson correlation of the mid-ranks, ``[...]``. Args as of `line`."""
    rank_x, rank_y = mid_ranks(x, w), mid_ranks(y, w)
    total = w.sum(-1, keepdims=True)
    off_x = rank_x - (w * rank_x).sum(-1, keepdims=True) / total
    off_y = rank_y - (w * rank_y).sum(-1, keepdims=True) / total
    xx, yy, xy = ((w * product).sum(-1) for product in (off_x * off_x, off_y * off_y, off_x * off_y))
    return np.clip(_ratio(xy, np.sqrt(xx * yy)), -1.0, 1.0)


def mid_ranks(x: FloatArray, w: FloatArray) -> FloatArray:
    """Ranks in the population, ``[..., n]``: the weight of what is smaller, and half of what is equal plus a half.

    Args:
        x: ``[n]``.
        w: ``[..., n]``.
    """
    order = np.argsort(x, kind="stable")
    ascending = x[order]
    first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]])[: len(x)])
    count = np.diff(first, append=len(x))
    below = np.concatenate([np.zeros((*w.shape[:-1], 1)), np.cumsum(w[..., order], axis=-1)], axis=-1)
    start, end = below[..., first], below[..., first + count]
    ranks = np.empty(w.shape)
    ranks[..., order] = np.repeat((start + end + 1) / 2, count, axis=-1)
    return ranks


def _moments(
    x: FloatArray, y: FloatArray, w: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Means, variances and covariance; about the plain means first, so that little is lost to rounding."""
    about_x, about_y = x.mean(), y.mean()
    x, y = x - about_x, y - about_y
    w = w / w.sum(-1, keepdims=True)
    mean_x, mean_y = w @ x, w @ y
    varies_x, varies_y = np.ptp(x) > 0, np.ptp(y) > 0
    xx = np.maximum(w @ (x * x) - mean_x**2, 0.0) * varies_x
    yy = np.maximum(w @ (y * y) - mean_y**2, 0.0) * varies_y
    xy = (w @ (x * y) - mean_x * mean_y) * (varies_x and varies_y)
    return mean_x + about_x, mean_y + about_y, xx, yy, xy


def _ratio(over: FloatArray, under: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under > 0, over / np.where(under > 0, under, 1.0), np.nan)
