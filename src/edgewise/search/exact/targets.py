"""Which edges or nodes are patched one by one, in an order in which neighbours are run together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from edgewise.errors import SelectionError, did_you_mean
from edgewise.graph import Graph
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.search.table.cells import Array

# The share of a layer's products that lie behind its projections to queries, keys and values.
_AFTER_PROJECTIONS, _MLP_SHARE = 0.75, 0.67
# What a run takes that ends where it begins, in layers: measured on models of 18 and of 30. The last block runs at the
# answers alone.
_TO_LOGITS, _AT_ANSWERS = 0.1, 0.4


@dataclass(frozen=True, eq=False)
class Targets:
    """Edges or nodes to patch, one at a time.

    Args:
        graph: the model's graph.
        places: an edge's source row and destination column, and its place in the prompt where edges have one; or a
            node's source row.
        groups: of each, a number that never falls; those of one group begin at the same place of the model.
        costs: of each, about how much of a forward pass it takes, ``[n]``.
    """

    graph: Graph
    places: tuple[tuple[int, ...], ...]
    groups: tuple[int, ...]
    costs: Array

    @classmethod
    def edges(cls, graph: Graph, chosen: BoolArray | None = None) -> Targets:
        """Edges in the order of their destinations.

        Args:
            graph: the model's graph.
            chosen: which ones, in the shape of the graph's mask; all by default.
        """
        wanted = graph.mask if chosen is None else graph.mask & chosen
        places = tuple((int(i), int(j), *at) for j, i, *at in np.argwhere(wanted.swapaxes(0, 1)).tolist())
        return cls._at(graph, places, [graph.reader(j) for _, j, *_ in places])

    @classmethod
    def nodes(cls, graph: Graph, chosen: Iterable[int] | None = None) -> Targets:
        """Nodes in the order of the graph; all that write by default."""
        rows = range(graph.n_sources) if chosen is None else sorted(set(chosen))
        # A head's run begins at its attention; that of `input`, which is behind no layer, at the very beginning.
        written = ((row, graph.writer(row)) for row in rows)
        return cls._at(graph, tuple((row,) for row in rows), [(layer, head is None) for _, (layer, head) in written])

    @classmethod
    def _at(cls, graph: Graph, places: tuple[tuple[int, ...], ...], starts: Sequence[tuple[int, bool]]) -> Targets:
        costs = np.array([share_of_a_pass(graph, layer, is_mlp) for layer, is_mlp in starts])
        return cls(graph, places, tuple(2 * layer + is_mlp for layer, is_mlp in starts), costs)

    def __len__(self) -> int:
        """Number of targets."""
        return len(self.places)

    @property
    def chosen(self) -> BoolArray:
        """Which ones they are, in the shape of the graph."""
        return np.asarray(~np.isnan(self.spread(np.zeros(len(self)))), dtype=np.bool_)

    def spread(self, values: Array) -> Array:
        """Put one number a target, ``[..., n]``, into an array of the graph's shape, NaN elsewhere."""
        shape = (self.graph.n_sources,) if len(self.places[0]) == 1 else self.graph.mask.shape
        full = np.full((*values.shape[:-1], *shape), np.nan)
        at = (Ellipsis, *np.array(self.places).T)
        full[at] = values
        return full


def named_edges(graph: Graph, patterns: Sequence[str]) -> BoolArray:
    """The edges whose names fit any of some patterns, such as ``"a0.h1->m3"`` or ``"*->logits"``.

    Raises:
        SelectionError: a pattern that fits no edge.
    """
    chosen = np.zeros(graph.mask.shape, dtype=np.bool_)
    for pattern in patterns:
        if not any(letter in pattern for letter in "*?"):
            chosen[graph.edge(pattern)] = True
            continue
        found = _fitting(graph, pattern)
        if not found.any():
            raise SelectionError(f"no edge of the model fits '{pattern}'; write e.g. 'a0.h1->m3' or '*->logits'")
        chosen |= found
    return chosen


def _fitting(graph: Graph, pattern: str) -> BoolArray:
    """The edges whose names fit a pattern: by both ends, of which a name has one arrow between.

    Where edges have places, a pattern that names none is of all of them.
    """
    if graph.places and "@" not in pattern:
        pattern = f"{pattern}@*"
    source, arrow, destination = pattern.partition("->")
    found = np.zeros(graph.mask.shape, dtype=np.bool_)
    if arrow and "->" not in destination and "[" not in pattern and not graph.places:
        of_source, of_destination = (
            np.array([fnmatchcase(name, part) for name in names], dtype=np.bool_)
            for names, part in ((graph.sources, source), (graph.destinations, destination))
        )
        return np.outer(of_source, of_destination) & graph.mask
    found[graph.mask] = [fnmatchcase(name, pattern) for name in graph.edge_names()]
    return found


def named_nodes(graph: Graph, patterns: Sequence[str]) -> tuple[int, ...]:
    """The sources whose names fit any of some patterns, such as ``"a3.h7"`` or ``"m*"``.

    Raises:
        SelectionError: a pattern that fits no node.
    """
    chosen: set[int] = set()
    for pattern in patterns:
        found = [row for row, name in enumerate(graph.sources) if fnmatchcase(name, pattern)]
        if not found:
            near = did_you_mean(pattern, graph.sources) or ";"
            raise SelectionError(f"no node of the model fits '{pattern}'{near} write e.g. 'a3.h7', 'm2' or 'a3.*'")
        chosen.update(found)
    return tuple(sorted(chosen))


def share_of_a_pass(graph: Graph, layer: int, is_mlp: bool) -> float:
    """About how much of a forward pass a run takes that begins there; the last block runs at few positions.

    Args:
        graph: the model's.
        layer: where it begins; as many as there are layers for the logits.
        is_mlp: whether at its MLP.
    """
    n_layers = graph.spec.n_layers
    inside, behind = _MLP_SHARE if is_mlp else _AFTER_PROJECTIONS, n_layers - 1 - layer
    if behind < 0:
        return _TO_LOGITS / n_layers
    return (_AT_ANSWERS * inside if not behind else inside + behind - 1 + _AT_ANSWERS) / n_layers


def cost_of(graph: Graph, chosen: BoolArray) -> float:
    """Forward passes of one prompt that patching some edges (or nodes) takes in all, each alone.

    Args:
        graph: the model's graph.
        chosen: ``[n_sources, n_destinations]``, of edges at places with the places behind, or of nodes ``[n_sources]``.
    """
    if chosen.ndim > 1:
        places = [graph.reader(column) for column in range(graph.n_destinations)]
        counts = chosen.sum(axis=(0, *range(2, chosen.ndim)))
    else:
        writers = map(graph.writer, range(graph.n_sources))
        places, counts = [(layer, head is None) for layer, head in writers], chosen
    return float(sum(int(n) * share_of_a_pass(graph, *place) for n, place in zip(counts, places, strict=True) if n))


def costs_of(graph: Graph, level: str) -> FloatArray:
    """Forward passes of one prompt that patching each edge (or node) takes, in the shape of the scores."""
    targets = Targets.edges(graph) if level == "edge" else Targets.nodes(graph)
    return targets.spread(targets.costs)


def neuron_costs(nodes: NeuronGraph) -> FloatArray:
    """The same of each head and neuron, ``[n_nodes]``."""
    graph = Graph(nodes.spec)
    layers = range(nodes.spec.n_layers)
    by_layer = np.array([[share_of_a_pass(graph, layer, is_mlp) for is_mlp in (False, True)] for layer in layers])
    costs: FloatArray = by_layer[nodes.layers, nodes.is_neuron.astype(int)]
    return costs
