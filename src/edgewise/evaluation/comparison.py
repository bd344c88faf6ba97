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
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray

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
    every = [_Scored(given) for given in scores]
    return Likeness(
        _pairs(circuits, overlap),
        _correlations(every, np.positive),
        _correlations(every, np.abs),
        tuple(tuple(one.both(other) for other in every) for one in every),
    )


def overlap(one: Circuit, other: Circuit) -> float | None:
    """Edges of both over edges of either; None where neither has any."""
    either = int((one.mask | other.mask).sum())
    return float((one.mask & other.mask).sum()) / either if either else None


def _pairs(given: Sequence[Given], compare: Callable[[Given, Given], float | None]) -> Matrix:
    """Of every pair; both orders of a pair are one."""
    half = {(i, j): compare(given[i], given[j]) for i in range(len(given)) for j in range(i, len(given))}
    return tuple(tuple(half[min(i, j), max(i, j)] for j in range(len(given))) for i in range(len(given)))


class _Scored:
    """One run's scores of what there is, and which of it has one."""

    def __init__(self, scores: Scores) -> None:
        self.kind = type(scores)
        there = scores.graph.mask if isinstance(scores, EdgeScores) else np.ones(scores.values.shape, dtype=np.bool_)
        self.values: FloatArray = scores.values[there].astype(np.float64)
        self.known: BoolArray = ~np.isnan(self.values)

    def both(self, other: _Scored) -> int:
        """How much both have scored."""
        return int((self.known & other.known).sum()) if self.kind is other.kind else 0

    def all_with(self, other: _Scored) -> bool:
        """Whether the other has a score of all that this one has one of."""
        return bool((other.known | ~self.known).all())


def _correlations(every: Sequence[_Scored], of: Callable[[FloatArray], FloatArray]) -> Matrix:
    """Spearman's of every pair. A run's ranks among all that it has scored are made once, and serve most pairs."""
    own = [_off_ranks(of(one.values[one.known])) for one in every]

    def correlation(one: int, other: int) -> float | None:
        x, y = every[one], every[other]
        if x.kind is not y.kind:
            return None
        both = x.known & y.known
        return _cosine(
            own[one] if x.all_with(y) else _off_ranks(of(x.values[both])),
            own[other] if y.all_with(x) else _off_ranks(of(y.values[both])),
        )

    return _pairs(range(len(every)), correlation)


def _off_ranks(x: FloatArray) -> FloatArray:
    """How far each value's rank among them is from the mean rank, ``[n]``; equals are at their mid-rank."""
    order = np.argsort(x)
    ascending = x[order]
    first = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]])[: len(x)])
    count = np.diff(first, append=len(x))
    ranks = np.empty(len(x))
    ranks[order] = np.repeat(first + (count - len(x)) / 2, count)
    return ranks


def _cosine(x: FloatArray, y: FloatArray) -> float | None:
    """The correlation of two rows of mean zero; None where one does not vary."""
    size = float(np.sqrt(np.dot(x, x) * np.dot(y, y)))
    return float(np.clip(np.dot(x, y) / size, -1.0, 1.0)) if size > 0 else None
