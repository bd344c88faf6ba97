"""How alike circuits and scores of one graph are: pure functions of them, two by two.

The overlap of two circuits is that of Jaccard, ``|A and B| / |A or B|``; the rank correlation of two scores is
Spearman's, equals at their mid-rank, over the edges (or nodes) that both have scored. What is undefined is None: the
overlap of two empty circuits, the correlation of scores that do not vary, of fewer than two, and of edges with nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edgewise.errors import SelectionError
from edgewise.evaluation.weighted import spearman
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import FloatArray

Given = TypeVar("Given")
Matrix = tuple[tuple[float | None, ...], ...]
Scores = EdgeScores | NodeScores


@dataclass(frozen=True)
class Likeness:
    """Of every pair of some runs, ``[n][n]`` each.

    Args:
        overlap: of the circuits.
        rank_correlation: of the scores with their signs.
        rank_correlation_of_sizes: of |score|.
        both_scored: how many edges (or nodes) the correlations are over.
    """

    overlap: Matrix
    rank_correlation: Matrix
    rank_correlation_of_sizes: Matrix
    both_scored: tuple[tuple[int, ...], ...]


def likeness(circuits: Sequence[Circuit], scores: Sequence[Scores]) -> Likeness:
    """Compare every pair.

    Args:
        circuits: of one graph.
        scores: of the same graph and length; of edges or of nodes.

    Raises:
        SelectionError: circuits or scores of several graphs.
    """
    graphs = {given.graph.spec for given in (*circuits, *scores)}
    if len(graphs) > 1:
        raise SelectionError(f"circuits of {len(graphs)} graphs cannot be compared; give those of one model")
    return Likeness(
        _pairs(circuits, overlap),
        _pairs(scores, lambda one, other: _correlation(one, other, np.positive)),
        _pairs(scores, lambda one, other: _correlation(one, other, np.abs)),
        tuple(tuple(len(_common(one, other)[0]) for other in scores) for one in scores),
    )


def overlap(one: Circuit, other: Circuit) -> float | None:
    """Edges of both over edges of either; None where neither has any."""
    either = int((one.mask | other.mask).sum())
    return float((one.mask & other.mask).sum()) / either if either else None


def _pairs(given: Sequence[Given], compare: Callable[[Given, Given], float | None]) -> Matrix:
    """Of every pair; both orders of a pair are one."""
    half = {(i, j): compare(given[i], given[j]) for i in range(len(given)) for j in range(i, len(given))}
    return tuple(tuple(half[min(i, j), max(i, j)] for j in range(len(given))) for i in range(len(given)))


def _correlation(one: Scores, other: Scores, of: Callable[[FloatArray], FloatArray]) -> float | None:
    x, y = (of(values) for values in _common(one, other))
    if len(x) < 2:
        return None
    found = float(spearman(x, y, np.ones(len(x))))
    return None if np.isnan(found) else found


def _common(one: Scores, other: Scores) -> tuple[FloatArray, FloatArray]:
    """The values of what both have scored."""
    if type(one) is not type(other):
        return np.empty(0), np.empty(0)
    both = ~(np.isnan(one.values) | np.isnan(other.values))
    return one.values[both].astype(np.float64), other.values[both].astype(np.float64)
