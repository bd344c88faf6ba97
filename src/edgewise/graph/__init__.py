"""Pure data: the graph of a model, scores of its edges, and circuits. Frozen values, numpy only."""

from __future__ import annotations

from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.kv_heads import kv_head_view, query_head_graph, query_head_view
from edgewise.graph.scores import RANKINGS, EdgeScores, NodeScores, Ranking
from edgewise.graph.selection import (
    greedy,
    prune,
    threshold,
    threshold_nodes,
    top_fraction,
    top_n,
    top_nodes,
)
from edgewise.graph.spec import GraphSpec

__all__ = [
    "RANKINGS",
    "Circuit",
    "EdgeScores",
    "Graph",
    "GraphSpec",
    "NodeScores",
    "Ranking",
    "greedy",
    "kv_head_view",
    "prune",
    "query_head_graph",
    "query_head_view",
    "threshold",
    "threshold_nodes",
    "top_fraction",
    "top_n",
    "top_nodes",
]
