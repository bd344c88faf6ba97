"""The shapes of planted models, and how a stream of that shape is divided into pairs."""

from __future__ import annotations

from edgewise.graph import Graph, GraphSpec
from edgewise.models.identity_norms import constant_pairs
from edgewise.models.planted.program import signal_count

D_HEAD = 16
FEWEST_EDGES, MOST_EDGES = 50, 800


def shapes() -> tuple[GraphSpec, ...]:
    """Every shape of 2 to 4 layers and 2 to 6 heads that has 50 to 800 edges and room for all signals."""
    specs = [GraphSpec(layers, heads, D_HEAD * heads) for layers in range(2, 5) for heads in range(2, 7)]
    return tuple(spec for spec in specs if FEWEST_EDGES <= Graph(spec).n_edges <= MOST_EDGES and _has_room(spec))


def pair_of(spec: GraphSpec, signal: int) -> int:
    """The first of the two coordinates that hold a signal."""
    return 2 * (constant_pairs(spec.d_model) + signal)


def _has_room(spec: GraphSpec) -> bool:
    return pair_of(spec, signal_count(Graph(spec))) <= spec.d_model
