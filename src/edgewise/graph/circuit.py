"""A circuit: the edges that are kept. All others are patched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.arrays import BoolArray, read_only
from edgewise.graph.graph import Graph
from edgewise.graph.many_edges import places_of_edges
from edgewise.notebook import ShownInNotebook

if TYPE_CHECKING:
    import networkx

    from edgewise.graph.scores import EdgeScores

__all__ = ["Circuit"]


@dataclass(frozen=True, eq=False)
class Circuit(ShownInNotebook):
    """A set of edges of one graph, equal by value.

    ``a & b``, ``a | b`` and ``a - b`` are the edges of both, of one at least, and of the first alone; a circuit is gone
    through, and counted by `len`, edge after edge.

    Args:
        graph: the graph the edges belong to.
        mask: bool, in the shape of the graph's: True where the edge is kept; copied and read-only.

    Raises:
        SelectionError: a wrong shape, a mask that is not bool, or an edge that the graph does not have.
    """

    graph: Graph
    mask: BoolArray

    def __post_init__(self) -> None:
        """Copy, check and freeze the mask."""
        mask = np.array(self.mask)
        if mask.shape != self.graph.mask.shape or mask.dtype != np.bool_:
            needed = list(self.graph.mask.shape)
            raise SelectionError(f"circuit mask is {mask.dtype} {list(mask.shape)}; this graph needs bool {needed}")
        extra = np.argwhere(mask & ~self.graph.mask)
        if len(extra):
            name = self.graph.edge_name(*extra[0].tolist())
            raise SelectionError(f"circuit mask holds '{name}', which is not an edge of the graph")
        object.__setattr__(self, "mask", read_only(mask))

    @classmethod
    def from_edges(cls, graph: Graph, names: Iterable[str]) -> Circuit:
        """Build a circuit from edge names. Raises SelectionError for a name that is no edge of the graph."""
        names, mask = list(names), np.zeros_like(graph.mask)
        at = places_of_edges(names, graph)
        if at is not None:
            mask[at] = True
            return cls(graph, mask)
        for name in names:
            mask[graph.edge(name)] = True
        return cls(graph, mask)

    @classmethod
    def full(cls, graph: Graph) -> Circuit:
        """Return the circuit that keeps every edge."""
        return cls(graph, graph.mask)

    @classmethod
    def empty(cls, graph: Graph) -> Circuit:
        """Return the circuit that keeps no edge."""
        return cls(graph, np.zeros_like(graph.mask))

    @property
    def n_edges(self) -> int:
        """Number of edges kept."""
        return int(self.mask.sum())

    def edges(self) -> tuple[str, ...]:
        """Return the names of the edges kept, source after source."""
        return tuple(self.graph.edge_name(*at) for at in np.argwhere(self.mask).tolist())

    @property
    def ends(self) -> BoolArray:
        """Bool `[n_sources, n_destinations]`: which pairs of ends have a kept edge, at whatever place."""
        return self.graph.any_place(self.mask)

    @property
    def plain(self) -> Circuit:
        """Each edge over all positions that is kept at any place."""
        return Circuit(self.graph.plain, self.ends)

    @property
    def node_mask(self) -> BoolArray:
        """Bool `[n_sources]`: the sources at either end of a kept edge.

        An edge into ``a3.kv0<k>`` ends at every head of that group.
        """
        ends = self.ends
        read = (self.graph.reads & ends.any(axis=0)).any(axis=1)
        return np.asarray(ends.any(axis=1) | read, dtype=np.bool_)

    def nodes(self) -> tuple[str, ...]:
        """Return the nodes at either end of a kept edge, in source order, ``logits`` last."""
        names = [self.graph.sources[i] for i in np.flatnonzero(self.node_mask)]
        return (*names, "logits") if self.ends[:, self.graph.logits].any() else tuple(names)

    def complement(self) -> Circuit:
        """Return the circuit of the edges that this one patches."""
        return Circuit(self.graph, self.graph.mask & ~self.mask)

    def to_networkx(self, scores: EdgeScores | None = None) -> networkx.DiGraph[str]:
        """Return a `networkx.DiGraph` of the edges kept; see `edgewise.graph.views.to_networkx`."""
        from edgewise.graph.views import to_networkx

        return to_networkx(self, scores)

    def __and__(self, other: Circuit) -> Circuit:
        """Return the edges of both. Raises SelectionError for a circuit of another graph."""
        return Circuit(self.graph, self.mask & other.mask) if self._is_like(other) else NotImplemented

    def __or__(self, other: Circuit) -> Circuit:
        """Return the edges of one of them at least. Raises SelectionError for a circuit of another graph."""
        return Circuit(self.graph, self.mask | other.mask) if self._is_like(other) else NotImplemented

    def __sub__(self, other: Circuit) -> Circuit:
        """Return the edges that the other lacks. Raises SelectionError for a circuit of another graph."""
        return Circuit(self.graph, self.mask & ~other.mask) if self._is_like(other) else NotImplemented

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the edges kept, source after source."""
        return iter(self.edges())

    def __len__(self) -> int:
        """Number of edges kept."""
        return self.n_edges

    def __contains__(self, name: str) -> bool:
        """Whether the edge of that name is kept. Raises SelectionError when the graph has no such edge."""
        return bool(self.mask[self.graph.edge(name)])

    def __eq__(self, other: object) -> bool:
        """Whether graph and edges are the same."""
        if not isinstance(other, Circuit):
            return NotImplemented
        return self.graph == other.graph and bool(np.array_equal(self.mask, other.mask))

    def __hash__(self) -> int:
        """Hash by value, in step with equality."""
        return hash((self.graph, self.mask.tobytes()))

    def __repr__(self) -> str:
        """Show how many edges and nodes are kept."""
        nodes = f"{len(self.nodes()):,} of {self.graph.n_sources + 1:,} nodes"
        return f"Circuit({self.n_edges:,} of {self.graph.n_edges:,} edges, {nodes})"

    def _is_like(self, other: object) -> bool:
        """Whether it is a circuit too; refuses one of another graph."""
        if not isinstance(other, Circuit):
            return False
        if other.graph != self.graph:
            raise SelectionError(
                f"circuits of two graphs, {self.graph.in_words} and {other.graph.in_words}; take those of one model at"
                " the same places"
            )
        return True
