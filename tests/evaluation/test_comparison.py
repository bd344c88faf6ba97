"""Overlap and rank correlation, against sets of names and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgewise.errors import SelectionError
from edgewise.evaluation.comparison import likeness
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores

GRAPH = Graph(GraphSpec(3, 2, 8))


def scores(seed: int, unscored: int = 0, graph: Graph = GRAPH) -> EdgeScores:
    draw = np.random.default_rng(seed)
    values = np.round(draw.normal(size=graph.mask.shape), 1)  # with ties
    edges = np.argwhere(graph.mask)
    for i, j in draw.permutation(edges)[:unscored]:
        values[i, j] = np.nan
    return EdgeScores(graph, values, allow_unscored=True)


def circuit(seed: int, share: float) -> Circuit:
    return Circuit(GRAPH, GRAPH.mask & (np.random.default_rng(seed).random(GRAPH.mask.shape) < share))


def names(of: Circuit) -> set[str]:
    return {name for i, j, name in GRAPH.edges() if of.mask[i, j]}


def test_overlaps_are_those_of_sets() -> None:
    circuits = [circuit(0, 0.3), circuit(1, 0.6), Circuit.full(GRAPH), Circuit.empty(GRAPH)]
    found = likeness(circuits, [scores(0)] * 4).overlap
    for one, row in zip(circuits, found, strict=True):
        for other, value in zip(circuits, row, strict=True):
            either = names(one) | names(other)
            assert value == (len(names(one) & names(other)) / len(either) if either else None)
    assert 0 < found[0][1] < 1
    assert found[3][3] is None


def test_correlations_are_spearmans_over_what_both_have_scored() -> None:
    some = [scores(0), scores(1, unscored=20), scores(2, unscored=30)]
    found = likeness([Circuit.full(GRAPH)] * 3, some)
    for i, one in enumerate(some):
        for j, other in enumerate(some):
            x, y = one.values[GRAPH.mask], other.values[GRAPH.mask]
            both = np.isfinite(x) & np.isfinite(y)
            assert found.both_scored[i][j] == both.sum()
            assert np.isclose(found.rank_correlation[i][j], stats.spearmanr(x[both], y[both]).statistic)
            sizes = stats.spearmanr(np.abs(x[both]), np.abs(y[both])).statistic
            assert np.isclose(found.rank_correlation_of_sizes[i][j], sizes)
    assert found.both_scored[1][2] < GRAPH.n_edges - 30


def test_what_is_undefined_is_none() -> None:
    flat = EdgeScores(GRAPH, np.ones(GRAPH.mask.shape))
    nodes = NodeScores(GRAPH, np.arange(GRAPH.n_sources, dtype=float))
    nothing = EdgeScores(GRAPH, np.full(GRAPH.mask.shape, np.nan), allow_unscored=True)
    found = likeness([Circuit.full(GRAPH)] * 4, [scores(0), flat, nodes, nothing])
    assert found.rank_correlation[0] == (1.0, None, None, None)
    assert found.rank_correlation[2] == (None, None, 1.0, None)
    assert found.both_scored[0] == (GRAPH.n_edges, GRAPH.n_edges, 0, 0)
    other = Graph(GraphSpec(3, 2, 8, parallel=True))
    with pytest.raises(SelectionError, match="circuits of 2 graphs"):
        likeness([Circuit.full(GRAPH)] * 2, [scores(0), scores(0, graph=other)])
