"""The order in which ACDC visits edges: destinations from the output back, and for each its sources from late to early.

Conmy et al. (2023), as their code runs: ``logits``; then per layer, last to first, the MLP, the ``<v>`` of the heads
from the highest number to 0, their ``<k>``, their ``<q>``. For one destination: the MLP of a layer, then its heads from
0 upwards, then the layer before; ``input`` last. On request each layer's ``<v>``, ``<k>`` and ``<q>`` are first tested
as a whole. Where edges are kept apart by place, each destination is visited place after place, the last one first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgewise.graph import Graph


@dataclass(frozen=True)
class Visit:
    """One stop of the search.

    Args:
        into: the column of a destination; and the place, where edges are kept apart by it.
        whole: whether it is tested as a whole (the original's "direct" edge), or edge by edge.
    """

    into: tuple[int, ...]
    whole: bool = False


def visits(graph: Graph, *, direct_edges: bool = False) -> list[Visit]:
    """All stops in order: every destination edge by edge, a layer's heads before that as a whole on request."""
    order = _at_places(graph, [graph.logits])
    for layer in reversed(range(graph.spec.n_layers)):
        if graph.spec.has_mlp:
            order += _at_places(graph, [graph.mlp(layer)])
        slices = (graph.v(layer), graph.k(layer), graph.q(layer))
        columns = [column for heads in slices for column in reversed(range(heads.start, heads.stop))]
        order += _at_places(graph, columns, whole=True) if direct_edges else []
        order += _at_places(graph, columns)
    return order


def _at_places(graph: Graph, columns: Sequence[int], whole: bool = False) -> list[Visit]:
    """Stops at some destinations: where edges are kept apart by place, one for each."""
    places = [(place,) for place in reversed(range(graph.n_places))] if graph.places else [()]
    return [Visit((column, *place), whole) for column in columns for place in places]


def sources_from_late(graph: Graph, column: int) -> list[int]:
    """The sources of a destination, in the order in which their edges are tested."""
    order: list[int] = []
    for layer in reversed(range(graph.spec.n_layers)):
        if graph.spec.has_mlp:
            order.append(graph.mlp_source(layer))
        order += range(graph.n_sources)[graph.head_sources(layer)]
    order.append(graph.input_source)
    exists = np.flatnonzero(graph.mask[:, column].reshape(graph.n_sources, -1).any(1)).tolist()
    return [source for source in order if source in exists]
