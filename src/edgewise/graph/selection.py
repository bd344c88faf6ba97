"""From scores to circuits: top n, threshold, greedy from the logits back, and pruning as its own step.

No selection prunes by itself: asked for n edges, it keeps n. Equal ranks are ordered by source, then by
destination. An edge without a score is never selected.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.scores import EdgeScores, NodeScores, Ranking

__all__ = ["among", "greedy", "leading", "prune", "threshold", "threshold_nodes", "top_fraction", "top_n", "top_nodes"]


def top_n(scores: EdgeScores, n: int, by: Ranking = "abs") -> Circuit:
    """Return the circuit of exactly the `n` edges of highest rank.

    Args:
        scores: scores of every edge.
        n: number of edges.
        by: what edges are ranked by, see `EdgeScores.ranking`.

    Raises:
        SelectionError: `n` is negative or larger than the number of scored edges.
    """
    ranks = scores.ranking(by)
    _check_count(n, ranks, "edges")
    mask = np.zeros_like(scores.graph.mask)
    mask[np.unravel_index(_best(ranks, n), mask.shape)] = True
    return Circuit(scores.graph, mask)


def top_fraction(scores: EdgeScores, fraction: float, by: Ranking = "abs") -> Circuit:
    """Return the circuit of the highest-ranked edges, at most `fraction` (0 to 1) of those scored: rounded down.

    Raises:
        SelectionError: `fraction` is not between 0 and 1.
    """
    if not 0 <= fraction <= 1:
        raise SelectionError(f"fraction {fraction} is not between 0 and 1; for a percentage, divide by 100")
    scored = int((~np.isnan(scores.ranking(by))).sum())
    # 0.29 of 100 edges are 29, though 0.29 * 100 is 28.999...
    return top_n(scores, math.floor(fraction * scored + 1e-9), by)


def threshold(scores: EdgeScores, x: float, by: Ranking = "abs") -> Circuit:
    """Return the circuit of every edge of rank `x` or more, `x` in units of the metric.

    Raises:
        SelectionError: `x` is not a number.
    """
    return Circuit(scores.graph, _at_least(scores.ranking(by), x))


def greedy(scores: EdgeScores, n: int, by: Ranking = "abs") -> Circuit:
    """Return `n` edges grown from the logits back, so that every one of them leads to the logits.

    Step by step, the highest-ranked edge into a node already reached is kept and its source counts as
    reached. A head that is reached can be entered at its query, key and value inputs alike.

    Raises:
        SelectionError: `n` is negative or larger than the number of scored edges that lead to the logits.
    """
    graph, ranks = scores.graph, _by_place(scores.ranking(by), scores.graph)
    _check_count(n, ranks, "edges")
    mask = np.zeros(ranks.shape, dtype=np.bool_)
    reached = np.zeros(ranks.shape[1:], dtype=np.bool_)
    heap: list[tuple[Any, ...]] = []
    entered = [(graph.logits, *at) for at in np.ndindex(*ranks.shape[2:])]
    for step in range(n):
        for at in entered:
            reached[at] = True
            into = ranks.reshape(len(ranks), -1)[:, np.ravel_multi_index(at, ranks.shape[1:])]
            for i in np.flatnonzero(~np.isnan(into)).tolist():
                heapq.heappush(heap, (-float(into[i]), i, *at))
        if not heap:
            raise SelectionError(f"only {step} scored edges lead to logits, {n} were asked for; ask for fewer")
        _, i, *best = heapq.heappop(heap)
        mask[i][tuple(best)] = True
        read = _read_by(graph, i, np.arange(graph.n_places) == best[1])
        entered = [tuple(one) for one in np.argwhere(read & ~reached).tolist()]
    return Circuit(graph, mask.reshape(graph.mask.shape))


def prune(circuit: Circuit) -> Circuit:
    """Return a new circuit without the edges that lie on no path from ``input`` to ``logits``.

    A path enters a head at its query, its key or its value input and leaves at the head's output. Where edges are kept
    apart by place, a path stays at its place, but for keys and values, from which it leads to any place.
    """
    graph, mask = circuit.graph, _by_place(circuit.mask, circuit.graph)
    # Every node reads only from nodes that stand before it in source order: one sweep each way is enough.
    fed = np.zeros((graph.n_sources, graph.n_places), dtype=np.bool_)
    fed[graph.input_source] = True
    carries: BoolArray = np.zeros(mask.shape[1:], dtype=np.bool_)
    for k in range(graph.n_sources):
        fed[k] |= _fed_by(graph, k, carries)
        carries |= mask[k] & _at_source(fed[k], graph)
    kept = mask & _at_source(fed, graph)[:, None] & _heard(circuit)[None]
    return Circuit(graph, kept.reshape(graph.mask.shape))


def leading(circuit: Circuit) -> Circuit:
    """Return a new circuit without the edges that lie on no path to ``logits``, wherever it begins."""
    kept = _by_place(circuit.mask, circuit.graph) & _heard(circuit)[None]
    return Circuit(circuit.graph, kept.reshape(circuit.mask.shape))


def _heard(circuit: Circuit) -> BoolArray:
    """The destinations, by place, from which a path leads to ``logits``."""
    graph, mask = circuit.graph, _by_place(circuit.mask, circuit.graph)
    heard = np.zeros(mask.shape[1:], dtype=np.bool_)
    heard[graph.logits] = True
    for k in reversed(range(graph.n_sources)):
        heard |= _read_by(graph, k, (mask[k] & heard).any(axis=(0, 2) if graph.readers else 0))
    return heard


def _by_place(array: np.ndarray[Any, Any], graph: Graph) -> np.ndarray[Any, Any]:
    """An array of edges with an axis of places; one place where they are not kept apart."""
    return array if graph.places else array[..., None]


def _at_source(of_places: BoolArray, graph: Graph) -> BoolArray:
    """What holds of sources at places, `[..., n_places]`, beside the places of readers where there are such."""
    return of_places[..., None] if graph.readers else of_places


def _fed_by(graph: Graph, source: int, carries: BoolArray) -> BoolArray:
    """The places, `[n_places]`, at which a node reads any of what some destinations at places are fed."""
    reads, moved = graph.reads[source], graph.moved
    if graph.readers:
        return np.asarray(carries[reads].any(axis=(0, 1)), dtype=np.bool_)
    return np.asarray(carries[reads & ~moved].any(axis=0) | carries[reads & moved].any(), dtype=np.bool_)


def _read_by(graph: Graph, source: int, at: BoolArray) -> BoolArray:
    """What a node that writes at some places, `[n_places]`, has read: `[n_destinations, n_places]`, or by reader."""
    reads, moved = graph.reads[source], graph.moved
    if graph.readers:
        here = np.eye(graph.n_places, dtype=np.bool_) & at
        return np.asarray(reads[:, None, None] & (here | (moved[:, None, None] & at)), dtype=np.bool_)
    return np.asarray(reads[:, None] & (at[None] | (moved & at.any())[:, None]), dtype=np.bool_)


def has_path(circuit: Circuit) -> bool:
    """Whether any path of the circuit's edges leads from ``input`` to ``logits``."""
    return bool(prune(circuit).mask.any())


def top_nodes(scores: NodeScores, n: int, by: Ranking = "abs") -> Circuit:
    """Return all edges among the `n` nodes of highest rank, and from them to the logits.

    ``input`` is a node like the others. An edge into a shared key/value input is kept when any of the heads
    that read it is among the nodes.

    Raises:
        SelectionError: `n` is negative or larger than the number of scored nodes.
    """
    ranks = scores.ranking(by)
    _check_count(n, ranks, "nodes")
    chosen = np.zeros(scores.graph.n_sources, dtype=np.bool_)
    chosen[_best(ranks, n)] = True
    return _between(scores.graph, chosen)


def threshold_nodes(scores: NodeScores, x: float, by: Ranking = "abs") -> Circuit:
    """Return all edges among the nodes of rank `x` or more, and from them to the logits; see `top_nodes`.

    Raises:
        SelectionError: `x` is not a number.
    """
    return _between(scores.graph, _at_least(scores.ranking(by), x))


def among(graph: Graph, nodes: Iterable[str]) -> Circuit:
    """Return all edges among some nodes, and from them to the logits; see `top_nodes`.

    Raises:
        SelectionError: a node that the graph does not have.
    """
    chosen = np.zeros(graph.n_sources, dtype=np.bool_)
    chosen[[graph.source_index(name) for name in nodes]] = True
    return _between(graph, chosen)


def _between(graph: Graph, chosen: BoolArray) -> Circuit:
    ends = np.array(graph.reads[chosen].any(axis=0), dtype=np.bool_)
    ends[graph.logits] = True
    return Circuit(graph, graph.mask & chosen[:, None] & ends[None, :])


def _at_least(ranks: FloatArray, x: float) -> BoolArray:
    if math.isnan(x):
        raise SelectionError("threshold is not a number; give a value in units of the metric")
    return np.asarray(ranks >= x, dtype=np.bool_)


def _best(ranks: FloatArray, n: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Flat indices of the n highest ranks; the stable sort puts ties in source order and NaN last."""
    return np.argsort(-ranks, axis=None, kind="stable")[:n]


def _check_count(n: int, ranks: FloatArray, what: str) -> None:
    scored = int((~np.isnan(ranks)).sum())
    if not 0 <= n <= scored:
        raise SelectionError(f"cannot select {n} {what}: there are {scored}; ask for 0 to {scored}")
