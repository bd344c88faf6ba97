"""A circuit for drawing and for graph algorithms: networkx and DOT.

Both show the places where a head reads. An edge of the circuit leads from a node to such a place; a place
leads on to the head, or to all heads of the group that shares a key/value input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.errors import FormatError, SelectionError
from edgewise.graph.circuit import Circuit
from edgewise.graph.kv_heads import kv_head_view, query_head_view
from edgewise.graph.scores import EdgeScores

if TYPE_CHECKING:
    import networkx

__all__ = ["kv_head_view", "query_head_view", "to_dot", "to_networkx"]

HELPS, HARMS, UNSCORED = "#2166ac", "#b2182b", "#777777"


def to_networkx(circuit: Circuit, scores: EdgeScores | None = None) -> networkx.DiGraph[str]:
    """Return a `networkx.DiGraph` with one edge for every edge of the circuit, named as in the circuit.

    Edges of the circuit carry ``kind="edge"``, where they are scored ``score``, and ``exact`` where exact effects were
    measured (whether the score is one); the links from a head's inputs to the head carry ``kind="reads"``. Nodes carry
    ``kind``: input, head, mlp, logits, or head-input. Of edges by place it is those kept at any place, with the sums of
    their scores over places.

    Raises:
        SelectionError: scores of another graph.
        FormatError: networkx, which is an extra, is not installed.
    """
    try:
        import networkx as nx
    except ImportError as error:
        raise FormatError(
            "a networkx graph needs networkx; install it with: pip install 'edgewise[networkx]'"
        ) from error

    circuit, scores = _over_positions(circuit, scores)
    drawn: networkx.DiGraph[str] = nx.DiGraph()
    for source, destination, score in _edges(circuit, scores):
        drawn.add_node(source, kind=_kind(source))
        drawn.add_node(destination, kind=_kind(destination))
        known: dict[str, Any] = {} if score is None else {"score": score}
        if scores is not None and scores.verified is not None:
            known["exact"] = bool(scores.verified[circuit.graph.edge(f"{source}->{destination}")])
        drawn.add_edge(source, destination, kind="edge", **known)
    for place, head in _links(circuit):
        drawn.add_node(head, kind=_kind(head))
        drawn.add_edge(place, head, kind="reads")
    return drawn


def to_dot(circuit: Circuit, scores: EdgeScores | None = None) -> str:
    """Return the circuit in Graphviz's DOT language, input at the bottom.

    Nodes are heads, MLPs, ``input`` and ``logits``; an edge into a head is labelled q, k or v. With scores,
    blue edges help the metric (negative score), red ones harm it, and width grows with |score|; where some of them are
    exact effects, those that are estimates are dashed. Key/value heads shared by a group are nodes of their own, with
    dotted links to the group's heads.

    Raises:
        SelectionError: scores of another graph.
    """
    circuit, scores = _over_positions(circuit, scores)
    edges = list(_edges(circuit, scores))
    largest = max((abs(score) for *_, score in edges if score is not None), default=0.0) or 1.0
    lines = ["digraph circuit {", "  rankdir=BT;", '  node [shape=box, style=rounded, fontname="Helvetica"];']
    for source, destination, score in edges:
        node, _, letter = destination.rstrip(">").partition("<")
        colour = UNSCORED if score is None else HELPS if score < 0 else HARMS
        width = 1.0 if score is None else 0.5 + 4.5 * abs(score) / largest
        style = f'color="{colour}", penwidth={width:.2f}' + (f', label="{letter}"' if letter else "")
        if scores is not None and scores.verified is not None:
            exact = scores.verified[circuit.graph.edge(f"{source}->{destination}")]
            style += "" if exact else ", style=dashed"
        lines.append(f'  "{source}" -> "{node}" [{style}];')
    shared = {(place.partition("<")[0], head) for place, head in _links(circuit)}
    links = sorted((node, head) for node, head in shared if node != head)
    lines += [f'  "{node}" -> "{head}" [style=dotted, arrowhead=none];' for node, head in links]
    return "\n".join([*lines, "}", ""])


def _over_positions(circuit: Circuit, scores: EdgeScores | None) -> tuple[Circuit, EdgeScores | None]:
    """Both without places. Raises SelectionError for scores of another graph."""
    graph = circuit.graph
    if scores is not None and scores.graph != graph:
        raise SelectionError(f"scores are of {scores.graph.in_words}, the circuit is of {graph.in_words}")
    return (circuit.plain, None if scores is None else scores.plain) if graph.places else (circuit, scores)


def _edges(circuit: Circuit, scores: EdgeScores | None) -> Iterator[tuple[str, str, float | None]]:
    """Source, destination and score of every edge of the circuit; None where there is no score."""
    graph = circuit.graph
    for i, j in np.argwhere(circuit.mask).tolist():
        score = math.nan if scores is None else float(scores.values[i, j])
        yield graph.sources[i], graph.destinations[j], None if math.isnan(score) else score


def _links(circuit: Circuit) -> Iterator[tuple[str, str]]:
    """Each reading place of the circuit with the heads behind it (an MLP is its own reading place)."""
    graph = circuit.graph
    for i, j in np.argwhere(graph.reads & circuit.mask.any(axis=0)).tolist():
        if graph.sources[i] != graph.destinations[j]:
            yield graph.destinations[j], graph.sources[i]


def _kind(name: str) -> str:
    kinds: dict[str, Any] = {"input": "input", "logits": "logits"}
    return kinds.get(name) or ("mlp" if name[0] == "m" else "head-input" if name[-1] == ">" else "head")
