"""ROC of a model's edges, or of its nodes.

The universe of edges is every edge of the graph; that of nodes is every source: ``input``, heads and MLPs. A circuit's
nodes are those at either end of one of its edges. Accordingly a node ranks as high as its best edge, so that a node is
found at a threshold exactly when the circuit selected at that threshold has an edge there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgewise.errors import SelectionError
from edgewise.evaluation.roc.curve import RocCurve, curve
from edgewise.evaluation.roc.front import Front, front
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.scores import Ranking


def score_roc(scores: EdgeScores | NodeScores, truth: Circuit, *, level: str = "edge", by: Ranking = "abs") -> RocCurve:
    """Return the ROC curve of scores against a circuit that is known.

    Args:
        scores: of edges, or of nodes; NaN means never recovered.
        truth: the circuit, on the same graph.
        level: ``"edge"`` or ``"node"``; scores of edges rank nodes too.
        by: what is ranked, see `EdgeScores.ranking`.

    Raises:
        SelectionError: another graph, or edges asked of node scores.
        ScoreError: the circuit is empty or everything.
    """
    _require_graph(scores.graph, truth)
    if level == "node":
        ranks = scores.ranking(by) if isinstance(scores, NodeScores) else node_ranks(scores, by)
        return curve(ranks, truth.node_mask)
    if isinstance(scores, NodeScores):
        raise SelectionError("scores of nodes do not rank edges; ask for level 'node'")
    exists = scores.graph.mask
    return curve(scores.ranking(by)[exists], truth.mask[exists])


def circuit_roc(circuits: Sequence[Circuit], truth: Circuit, settings: Sequence[str], *, level: str = "edge") -> Front:
    """Return the ROC points of circuits against one that is known.

    Args:
        circuits: on the truth's graph.
        truth: the circuit that is known.
        settings: what each was found with, for the reader.
        level: ``"edge"`` or ``"node"``.

    Raises:
        SelectionError: another graph.
        ScoreError: no circuits, or a truth that is empty or everything.
    """
    for found in circuits:
        _require_graph(found.graph, truth)
    if level == "node":
        return front([found.node_mask for found in circuits], truth.node_mask, settings)
    exists = truth.graph.mask
    return front([found.mask[exists] for found in circuits], truth.mask[exists], settings)


def node_ranks(scores: EdgeScores, by: Ranking = "abs") -> FloatArray:
    """Return the rank of every source, `[n_sources]`: the highest of its edges, in and out; NaN without any."""
    return best_edges(scores.graph, scores.ranking(by))


def best_edges(graph: Graph, ranks: FloatArray) -> FloatArray:
    """The highest rank among the edges of each source, from ranks of edges `[n_sources, n_destinations]`."""
    known = np.where(np.isnan(ranks), -np.inf, ranks)
    into = np.where(graph.reads, known.max(axis=0), -np.inf).max(axis=1)
    best = np.maximum(known.max(axis=1), into)
    return np.where(np.isinf(best), np.nan, best)


def entries(graph: Graph, truth: Circuit, level: str) -> BoolArray:
    """What is true, one entry for each edge that exists, or for each source."""
    _require_graph(graph, truth)
    return truth.node_mask if level == "node" else truth.mask[graph.mask]


def _require_graph(graph: Graph, truth: Circuit) -> None:
    if graph != truth.graph:
        raise SelectionError(f"the known circuit is of {truth.graph.spec}, what is compared with it of {graph.spec}")
