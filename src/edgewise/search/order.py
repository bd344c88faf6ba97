"""The order in which ACDC visits edges: destinations from the output back, and for each its sources from late to early.

Conmy et al. (2023), as their code runs: ``logits``; then per layer, last to first, the MLP, the ``<v>`` of the heads
from the highest number to 0, their ``<k>``, their ``<q>``. For one destination: the MLP of a layer, then its heads from
0 upwards, then the layer before; ``input`` last.
"""

from __future__ import annotations

import numpy as np

from edgewise.graph import Graph


def destinations_from_the_output(graph: Graph) -> list[int]:
    """All destinations, in the order in which their incoming edges are tested."""
    order = [graph.logits]
    for layer in reversed(range(graph.spec.n_layers)):
        if graph.spec.has_mlp:
            order.append(graph.mlp(layer))
        for heads in (graph.v(layer), graph.k(layer), graph.q(layer)):
            order += reversed(range(heads.start, heads.stop))
    return order


def sources_from_late(graph: Graph, column: int) -> list[int]:
    """The sources of a destination, in the order in which their edges are tested."""
    order: list[int] = []
    for layer in reversed(range(graph.spec.n_layers)):
        if graph.spec.has_mlp:
            order.append(graph.mlp_source(layer))
        order += range(graph.n_sources)[graph.head_sources(layer)]
    order.append(graph.input_source)
    exists = np.flatnonzero(graph.mask[:, column]).tolist()
    return [source for source in order if source in exists]
