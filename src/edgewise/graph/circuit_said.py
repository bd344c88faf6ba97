"""What our circuit file says of edges and of nodes, as arrays; see `edgewise.graph.circuit_file`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgewise.errors import FormatError, SelectionError
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.fields import entry
from edgewise.graph.graph import Graph
from edgewise.graph.many_edges import field_of, numbers, places_of_edges
from edgewise.graph.scores import EdgeScores, NodeScores

# Score, whether it is exact where that is said, and the estimate; NaN for what there is not.
Known = tuple[float, bool | None, float]
_NUMBER = (float, int, type(None))


@dataclass(frozen=True, eq=False)
class Said:
    """What a file says of edges, or of nodes: arrays in the graph's shape, NaN where it says nothing.

    Args:
        values: scores.
        estimated: what a method estimated, also where the score is exact.
        verified: which scores are exact.
        measured: whether it says of any whether it is exact.
    """

    values: FloatArray
    estimated: FloatArray
    verified: BoolArray
    measured: bool = False

    @classmethod
    def nothing(cls, graph: Graph, level: str | None) -> Said:
        """Of a file that says nothing of its edges, or nodes, yet."""
        shape = graph.mask.shape if level == "edge" else (graph.n_sources,)
        return cls(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_))

    @classmethod
    def of(cls, graph: Graph, level: str | None, scored: Mapping[tuple[int, ...], Known]) -> Said:
        """The same of what is said one by one."""
        said = cls.nothing(graph, level)
        for at, (score, exact, estimate) in scored.items():
            said.values[at], said.estimated[at], said.verified[at] = score, estimate, bool(exact)
        return replace(said, measured=any(exact is not None for _, exact, _ in scored.values()))

    def scores(self, graph: Graph, level: str | None) -> EdgeScores | NodeScores | None:
        """As scores; None where none is said."""
        if np.isnan(self.values).all():
            return None
        exists = graph.mask if level == "edge" else np.ones(graph.n_sources, dtype=np.bool_)
        kind = EdgeScores if level == "edge" else NodeScores
        marks: dict[str, Any] = {"verified": self.verified, "estimated": self.estimated} if self.measured else {}
        return kind(graph, self.values, **marks, allow_unscored=bool(np.isnan(self.values[exists]).any()))


def said_of_edges(edges: Mapping[str, Any], graph: Graph, level: str | None) -> tuple[BoolArray, Said]:
    """Return which edges are kept, and what is said of all.

    Args:
        edges: the file's.
        graph: theirs.
        level: what is scored.

    Raises:
        FormatError: an edge that there is not, or a field that is missing or of the wrong kind; it names the edge.
    """
    return _at_once(edges, graph, level) or _one_by_one(edges, graph, level)


def said_of_nodes(nodes: Mapping[str, Any], graph: Graph) -> Said:
    """Return what is said of all nodes; raises FormatError as `said_of_edges`."""
    scored: dict[tuple[int, ...], Known]
    try:
        scored = {(graph.source_index(name),): _known(node, f"nodes['{name}']") for name, node in nodes.items()}
    except SelectionError as error:
        raise FormatError(f"nodes: {error}") from None
    return Said.of(graph, "node", scored)


def _at_once(edges: Mapping[str, Any], graph: Graph, level: str | None) -> tuple[BoolArray, Said] | None:
    at = places_of_edges(list(edges), graph)
    kept = field_of(edges.values(), "in_circuit", bool)
    if at is None or kept is None:
        return None
    mask, said = np.zeros_like(graph.mask), Said.nothing(graph, level)
    mask[at] = kept
    if level != "edge":
        return mask, said
    score, estimate = (
        numbers(field_of(edges.values(), field, float, int, type(None))) for field in ("score", "estimate")
    )
    exact = field_of(edges.values(), "exact", bool, type(None))
    if score is None or estimate is None or exact is None or np.isinf((score, estimate)).any():
        return None
    said.values[at], said.verified[at] = score, [one is True for one in exact]
    said.estimated[at] = np.where(np.isnan(estimate), score, estimate)
    return mask, replace(said, measured=set(exact) != {None})


def _one_by_one(edges: Mapping[str, Any], graph: Graph, level: str | None) -> tuple[BoolArray, Said]:
    mask = np.zeros_like(graph.mask)
    scored: dict[tuple[int, ...], Known] = {}
    for name, edge in edges.items():
        try:
            at = graph.edge(name)
        except SelectionError as error:
            raise FormatError(f"edges: {error}") from None
        mask[at] = entry(edge, "in_circuit", bool, f"edges['{name}']")
        if level == "edge":
            scored[at] = _known(edge, f"edges['{name}']")
    return mask, Said.of(graph, level, scored)


def _known(holder: Any, where: str) -> Known:
    said = {"score": None, "exact": None, "estimate": None} | dict(holder if isinstance(holder, Mapping) else {})
    score, estimate = _number(said, "score", where), _number(said, "estimate", where)
    return score, entry(said, "exact", (bool, type(None)), where), score if np.isnan(estimate) else estimate


def _number(said: Mapping[str, Any], field: str, where: str) -> float:
    value = entry(said, field, _NUMBER, where)
    try:
        number = np.nan if value is None else float(value)
    except OverflowError:
        number = np.inf
    if np.isinf(number):
        raise FormatError(f"{where}.{field} is infinite; scores are finite")
    return number
