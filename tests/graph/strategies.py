"""Random graph shapes and scores for the property tests of this room."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores


@st.composite
def graphs(draw: Any, max_layers: int = 3) -> Graph:
    kv_heads, group = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    has_mlp = draw(st.booleans())
    parallel = has_mlp and draw(st.booleans())
    return Graph(GraphSpec(draw(st.integers(1, max_layers)), kv_heads * group, 8, kv_heads, has_mlp, parallel))


@st.composite
def circuits(draw: Any) -> Circuit:
    graph = draw(graphs())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.05, 0.2, 0.5, 0.9]))
    return Circuit(graph, graph.mask & (rng.random(graph.mask.shape) < density))


@st.composite
def tied_scores(draw: Any) -> EdgeScores:
    """Scores with many ties: the integers from -3 to 3."""
    graph = draw(graphs(max_layers=2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return EdgeScores(graph, rng.integers(-3, 4, graph.mask.shape).astype(np.float64))


@st.composite
def results(draw: Any) -> tuple[Circuit, EdgeScores | NodeScores | None]:
    """A circuit, and scores of its edges, of its nodes, or none; some unscored, some measured."""
    circuit = draw(circuits())
    kind = draw(st.sampled_from([EdgeScores, NodeScores, None]))
    if kind is None:
        return circuit, None
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exists = circuit.graph.mask if kind is EdgeScores else np.ones(circuit.graph.n_sources, dtype=bool)
    values, estimated = rng.normal(size=(2, *exists.shape))
    if draw(st.booleans()):
        values[rng.random(exists.shape) < 0.3] = np.nan
    if np.isnan(values[exists]).all():
        return circuit, None
    verified = exists & ~np.isnan(values) & (rng.random(exists.shape) < 0.4)
    known = {"verified": verified, "estimated": np.where(verified, estimated, values)} if draw(st.booleans()) else {}
    return circuit, kind(circuit.graph, values, **known, allow_unscored=True)
