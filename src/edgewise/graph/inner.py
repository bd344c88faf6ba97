"""Inner nodes: q, k and v of each head, and each MLP. Some methods remove these, and edges go with them.

There is one for every destination but ``logits``, in the order of the destinations. An edge is there as long as both
its ends are: its destination is a node of its own; a head is a source until its q, k and v are all gone, an MLP until
it is gone, ``input`` always, as ``logits`` is a destination.
"""

from __future__ import annotations

import numpy as np

from edgewise.errors import ScoreError
from edgewise.graph.arrays import FloatArray
from edgewise.graph.graph import Graph

__all__ = ["edge_values", "inner_nodes", "layer_groups"]


def inner_nodes(graph: Graph) -> tuple[str, ...]:
    """Names of the inner nodes."""
    return graph.destinations[: graph.logits]


def layer_groups(graph: Graph) -> list[slice]:
    """The inner nodes of each layer."""
    first = [graph.attention(layer).start for layer in range(graph.spec.n_layers)]
    return [slice(start, stop) for start, stop in zip(first, [*first[1:], graph.logits], strict=True)]


def edge_values(graph: Graph, nodes: FloatArray, always: float) -> FloatArray:
    """The value at which each edge disappears when inner nodes are removed in the order of theirs, lowest first.

    ``min(nodes[v], max over the inputs w of u of nodes[w])`` for the edge u -> v, so the edges of at least some value
    are those among the inner nodes of at least that value.

    Args:
        graph: the graph.
        nodes: of every inner node, ``[n_destinations - 1]``.
        always: of an end that is never removed, at least as high as any node's.

    Returns:
        ``[n_sources, n_destinations]``, NaN where no edge exists.

    Raises:
        ScoreError: a wrong shape, or a node above ``always``.
    """
    if nodes.shape != (graph.logits,):
        raise ScoreError(f"nodes has shape {list(nodes.shape)}; this graph has {graph.logits} inner nodes")
    if not (nodes <= always).all():
        raise ScoreError(f"a node's value is {nodes.max()}, above {always}, that of what is never removed")
    destinations = np.append(nodes, always)
    inputs = np.where(graph.reads, destinations, -np.inf)
    sources = np.where(graph.reads.any(axis=1), inputs.max(axis=1), always)
    values: FloatArray = np.where(graph.mask, np.minimum(sources[:, None], destinations), np.nan)
    return values
