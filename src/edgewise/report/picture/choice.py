"""Which edges of a circuit a picture shows, and how strong each of them is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import FloatArray

MOST_EDGES = 300
"""A picture of more edges than this cannot be read."""


@dataclass(frozen=True)
class DrawnEdge:
    """One edge of a picture.

    Args:
        source: such as ``"a0.h1"``.
        destination: such as ``"a3.h7<q>"``.
        score: in units of the metric; None where edges are not scored.
        strength: |score| as a share of the largest one drawn, 0 to 1; 0 where edges are not scored.
        verified: whether the score is an exact effect; None where no exact effects of edges were measured.
    """

    source: str
    destination: str
    score: float | None
    strength: float
    verified: bool | None = None

    @property
    def name(self) -> str:
        """The edge's name."""
        return f"{self.source}->{self.destination}"

    @property
    def letter(self) -> str:
        """Where it enters a head: ``q``, ``k`` or ``v``; empty for an MLP and the logits."""
        return self.destination[-2] if self.destination.endswith(">") else ""

    @property
    def node(self) -> str:
        """The node it ends at: ``a3.h7``, or the shared ``a3.kv1``."""
        return self.destination.partition("<")[0]


@dataclass(frozen=True)
class Choice:
    """What a picture shows.

    Args:
        graph: the whole graph.
        edges: those drawn, in the graph's order.
        total: number of edges of the circuit, drawn or not.
        node_scores: score of every node, where nodes were scored; empty otherwise.
        verified_nodes: those whose score is an exact effect; None where no exact effects of nodes were measured.
    """

    graph: Graph
    edges: tuple[DrawnEdge, ...]
    total: int
    node_scores: Mapping[str, float]
    verified_nodes: frozenset[str] | None = None

    @property
    def tells_exact(self) -> bool:
        """Whether exact effects and estimates are told apart."""
        return self.verified_nodes is not None or any(edge.verified is not None for edge in self.edges)

    @property
    def largest(self) -> float:
        """The largest |score| of an edge drawn, in units of the metric; 0 where edges are not scored."""
        return max((abs(edge.score) for edge in self.edges if edge.score is not None), default=0.0)

    @property
    def largest_node(self) -> float:
        """The largest |score| of a node drawn, in units of the metric; 0 where nodes are not scored."""
        ends = {name for edge in self.edges for name in (edge.source, edge.node)}
        return max((abs(score) for name, score in self.node_scores.items() if name in ends), default=0.0)

    @property
    def left_out(self) -> int:
        """Number of edges of the circuit that are not drawn."""
        return self.total - len(self.edges)


def choose(circuit: Circuit, scores: EdgeScores | NodeScores | None = None, top: int | None = None) -> Choice:
    """Return the strongest edges of a circuit: highest |score| first, ties in the graph's order.

    Without scores of edges, an edge is as strong as the weaker of its two ends; the logits are as strong as
    any. Without any scores, edges come in the graph's order.

    Args:
        circuit: the edges kept; of edges by place one line for each pair of ends.
        scores: of the circuit's graph, of edges or of nodes.
        top: number of edges at most; `MOST_EDGES` by default.

    Raises:
        SelectionError: scores of another graph, or `top` below one.
    """
    if scores is not None and scores.graph != circuit.graph:
        raise SelectionError(f"scores are of {scores.graph.spec}, the circuit is of {circuit.graph.spec}")
    if top is not None and top < 1:
        raise SelectionError(f"top is {top}; give at least 1")
    circuit, scores = _over_places(circuit, scores)
    graph = circuit.graph
    values = scores.values if isinstance(scores, EdgeScores) else None
    ranks = _strength(graph, scores)
    ends = np.argwhere(circuit.mask)
    best = np.argsort(-ranks[circuit.mask], kind="stable")[: top or MOST_EDGES]
    kept = ends[np.sort(best)].tolist()
    largest = (
        max((abs(float(values[i, j])) for i, j in kept if not np.isnan(values[i, j])), default=0.0)
        if (values is not None)
        else 0.0
    )
    edge_scores = scores if isinstance(scores, EdgeScores) else None
    edges = tuple(_edge(graph, i, j, edge_scores, largest) for i, j in kept)
    return Choice(graph, edges, circuit.n_edges, _node_scores(scores), _verified_nodes(scores))


def _over_places(
    circuit: Circuit, scores: EdgeScores | NodeScores | None
) -> tuple[Circuit, EdgeScores | NodeScores | None]:
    """A circuit by place as one edge for each pair of ends, with the sum of the scores of what is kept there."""
    if not circuit.graph.places or not isinstance(scores, EdgeScores):
        return circuit.plain if circuit.graph.places else circuit, scores
    kept = np.where(circuit.mask, np.nan_to_num(scores.values), 0.0)
    sums = np.where(circuit.ends, kept.sum(axis=tuple(range(2, kept.ndim))), np.nan)
    return circuit.plain, EdgeScores(circuit.graph.plain, sums, allow_unscored=True)


def _edge(graph: Graph, i: int, j: int, scores: EdgeScores | None, largest: float) -> DrawnEdge:
    score = math.nan if scores is None else float(scores.values[i, j])
    known = None if math.isnan(score) else score
    strength = abs(known) / largest if known is not None and largest > 0 else 0.0
    verified = None if scores is None or scores.verified is None else bool(scores.verified[i, j])
    return DrawnEdge(graph.sources[i], graph.destinations[j], known, strength, verified)


def _strength(graph: Graph, scores: EdgeScores | NodeScores | None) -> FloatArray:
    """What edges are ranked by, `[n_sources, n_destinations]`; minus infinity where nothing is known."""
    if scores is None:
        return np.zeros(graph.mask.shape)
    if isinstance(scores, EdgeScores):
        return np.nan_to_num(np.abs(scores.values).astype(np.float64), nan=-np.inf)
    of_node = np.nan_to_num(np.abs(scores.values).astype(np.float64), nan=-np.inf)
    at_end = np.where(graph.reads, of_node[:, None], -np.inf).max(axis=0)
    at_end[graph.logits] = np.inf
    return np.asarray(np.minimum(of_node[:, None], at_end[None, :]), dtype=np.float64)


def _node_scores(scores: EdgeScores | NodeScores | None) -> dict[str, float]:
    if not isinstance(scores, NodeScores):
        return {}
    pairs = zip(scores.graph.sources, scores.values.tolist(), strict=True)
    return {name: float(value) for name, value in pairs if not math.isnan(value)}


def _verified_nodes(scores: EdgeScores | NodeScores | None) -> frozenset[str] | None:
    if not isinstance(scores, NodeScores) or scores.verified is None:
        return None
    pairs = zip(scores.graph.sources, scores.verified.tolist(), strict=True)
    return frozenset(name for name, verified in pairs if verified)
