"""Areas under points (FPR, TPR), and the best of them; (0, 0) and (1, 1) always belong to the points.

Two formulas. The trapezoid joins neighbouring points by straight lines, as drawing lots between two circuits would. The
pessimistic one is ACDC's (Conmy et al., 2023): between two points nothing better is assumed than the lower one, so

    area = sum over i of (1 - x_i) (y_i - y_(i-1))

over the Pareto-optimal points, from left to right. Few points make it small, whatever the method.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.graph.arrays import FloatArray


def trapezoid(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> float:
    """Area under straight lines through the points, `[n]` each, sorted from left to right and from low to high.

    Points of a set that is no curve are filtered by `pareto` first.

    Raises:
        ScoreError: shapes that differ, or numbers outside 0 to 1.
    """
    x, y = _with_corners(fpr, tpr)
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def pessimistic(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> float:
    """ACDC's area: under the step function through the Pareto-optimal ones of the points, `[n]` each, in any order.

    Raises:
        ScoreError: shapes that differ, or numbers outside 0 to 1.
    """
    x, y = pareto(fpr, tpr)
    return float(((1 - x) * np.diff(y, prepend=0.0)).sum())


def pareto(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the points than which no other is better, from left to right; (0, 0) and (1, 1) compete with them.

    A point is better when its TPR is not lower and its FPR not higher, and one of the two differs.

    Raises:
        ScoreError: shapes that differ, or numbers outside 0 to 1.
    """
    x, y = _with_corners(fpr, tpr)
    # Of equal x the highest comes first; then a point counts when it is higher than all before it.
    order = _from_left(x, -y)
    heights = y[order]
    before = np.maximum.accumulate(np.concatenate(([-1.0], heights)))[:-1]
    kept = order[heights > before]
    return x[kept], y[kept]


def youden(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> tuple[float, int]:
    """Return Youden's J, the largest TPR - FPR of the points, `[n]` each, and the index of the first that has it.

    Raises:
        ScoreError: no points, shapes that differ, or numbers outside 0 to 1.
    """
    x, y = _checked(fpr, tpr)
    if not len(x):
        raise ScoreError("there are no points to choose the best of")
    at = int(np.argmax(y - x))
    return float(y[at] - x[at]), at


def _with_corners(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = _checked(fpr, tpr)
    x, y = np.concatenate(([0.0], x, [1.0])), np.concatenate(([0.0], y, [1.0]))
    order = _from_left(x, y)
    return x[order], y[order]


def _checked(fpr: npt.ArrayLike, tpr: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(fpr, dtype=np.float64), np.asarray(tpr, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ScoreError(f"FPR has shape {list(x.shape)}, TPR {list(y.shape)}; give two lists of one length")
    outside = ~((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1))
    if outside.any():
        at = int(np.argmax(outside))
        raise ScoreError(f"point {at + 1} is ({x[at]:g}, {y[at]:g}); rates lie between 0 and 1")
    return x, y


def _from_left(x: FloatArray, y: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.lexsort((y, x))
