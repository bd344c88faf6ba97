"""Scores of a model's heads and MLP neurons, and circuits of those that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgewise.errors import ScoreError, SelectionError
from edgewise.graph.arrays import BoolArray, read_only
from edgewise.graph.named import NamedScores
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.ranked import RankedScores
from edgewise.settings.selection import Ranking

__all__ = ["NeuronCircuit", "NeuronScores"]


@dataclass(frozen=True, eq=False, repr=False)
class NeuronScores(NamedScores):
    """One signed number for each head and each neuron, with its spread over prompts where it is known.

    Args as of `NamedScores`; every array is ``[n_nodes]``.
    """

    what: ClassVar[str] = "node"

    graph: NeuronGraph

    @property
    def exists(self) -> BoolArray:
        """Every node, ``[n_nodes]``."""
        return np.ones(self.graph.n_nodes, dtype=np.bool_)

    def _at(self, name: str) -> tuple[int, ...]:
        return (self.graph.node(name),)

    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of the node that stands there."""
        return self.graph.name(at[0])

    def top_neurons(self, n: int = 20, by: Ranking = "abs") -> RankedScores:
        """Return the ``n`` neurons of highest rank, best first, heads left out."""
        return self._top_of(self.graph.is_neuron, n, by)

    def top_heads(self, n: int = 20, by: Ranking = "abs") -> RankedScores:
        """Return the ``n`` heads of highest rank, best first, neurons left out."""
        return self._top_of(~self.graph.is_neuron, n, by)

    def _top_of(self, kind: BoolArray, n: int, by: Ranking) -> RankedScores:
        if n < 0:
            raise ScoreError(f"{n} are asked for; give a number, 0 or more")
        ranks = np.where(kind, self.ranking(by), np.nan)
        found = np.argsort(-ranks, kind="stable")[: min(n, int((~np.isnan(ranks)).sum()))]
        return RankedScores(self.what, tuple(self._ranked((at,)) for at in found.tolist()))

    def best(self, n: int, by: Ranking = "abs") -> NeuronCircuit:
        """Return the circuit of the ``n`` nodes of highest rank; ties go by order.

        Raises:
            SelectionError: fewer than ``n`` are scored, or ``n`` is negative.
        """
        if not 0 <= n <= len(self):
            raise SelectionError(f"{n:,} nodes asked for, {len(self):,} are scored; ask for 0 to {len(self):,}")
        mask = np.zeros(self.graph.n_nodes, dtype=np.bool_)
        mask[[at for (at,) in self.order(by, n)]] = True
        return NeuronCircuit(self.graph, mask)


@dataclass(frozen=True, eq=False)
class NeuronCircuit:
    """Heads and neurons that are kept; all others are patched. The embedding is always kept.

    Args:
        graph: the nodes it is chosen of.
        mask: bool ``[n_nodes]``, True where the node is kept; copied and read-only.

    Raises:
        SelectionError: a wrong shape, or a mask that is not bool.
    """

    graph: NeuronGraph
    mask: BoolArray

    def __post_init__(self) -> None:
        """Copy, check and freeze the mask."""
        mask = np.array(self.mask)
        if mask.shape != (self.graph.n_nodes,) or mask.dtype != np.bool_:
            raise SelectionError(
                f"circuit mask is {mask.dtype} {list(mask.shape)}; this graph needs bool [{self.graph.n_nodes}]"
            )
        object.__setattr__(self, "mask", read_only(mask))

    @classmethod
    def from_nodes(cls, graph: NeuronGraph, names: Iterable[str]) -> NeuronCircuit:
        """Build a circuit from names. Raises SelectionError for a name that is no node of the graph."""
        mask = np.zeros(graph.n_nodes, dtype=np.bool_)
        mask[graph.nodes(names)] = True
        return cls(graph, mask)

    @property
    def n_heads(self) -> int:
        """Number of heads kept."""
        return int((self.mask & ~self.graph.is_neuron).sum())

    @property
    def n_neurons(self) -> int:
        """Number of neurons kept."""
        return int((self.mask & self.graph.is_neuron).sum())

    def with_all_heads(self) -> NeuronCircuit:
        """The same neurons, and every head."""
        return NeuronCircuit(self.graph, self.mask | ~self.graph.is_neuron)

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the nodes kept, in the graph's order."""
        return map(self.graph.name, np.flatnonzero(self.mask).tolist())

    def __len__(self) -> int:
        """Number of nodes kept."""
        return int(self.mask.sum())

    def __contains__(self, name: str) -> bool:
        """Whether the node of that name is kept. Raises SelectionError when the graph has no such node."""
        return bool(self.mask[self.graph.node(name)])

    def __eq__(self, other: object) -> bool:
        """Whether graph and nodes are the same."""
        if not isinstance(other, NeuronCircuit):
            return NotImplemented
        return self.graph == other.graph and bool(np.array_equal(self.mask, other.mask))

    def __hash__(self) -> int:
        """Hash by value, in step with equality."""
        return hash((self.graph, self.mask.tobytes()))

    def __repr__(self) -> str:
        """Show how many heads and neurons are kept."""
        graph = self.graph
        return (
            f"NeuronCircuit({self.n_heads:,} of {graph.n_heads:,} heads, {self.n_neurons:,} of"
            f" {graph.n_neurons:,} neurons)"
        )
