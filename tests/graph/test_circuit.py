from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from edgewise.errors import SelectionError
from edgewise.graph import Circuit, Graph, GraphSpec

from .strategies import circuits

GRAPH = Graph(GraphSpec(2, 2, 4))


def test_names_in_and_out() -> None:
    names = ["a1.h0->logits", "input->a1.h0<k>"]
    circuit = Circuit.from_edges(GRAPH, names)
    assert circuit.edges() == ("input->a1.h0<k>", "a1.h0->logits")
    assert circuit.n_edges == 2
    assert circuit.nodes() == ("input", "a1.h0", "logits")
    assert "a1.h0->logits" in circuit
    assert "m1->logits" not in circuit


def test_an_edge_into_a_shared_input_ends_at_every_head_of_the_group() -> None:
    grouped = Graph(GraphSpec(1, 4, 4, n_kv_heads=2))
    assert Circuit.from_edges(grouped, ["input->a0.kv1<v>"]).nodes() == ("input", "a0.h2", "a0.h3")


@given(circuits())
def test_complement_and_equality_by_value(circuit: Circuit) -> None:
    other = circuit.complement()
    assert circuit.n_edges + other.n_edges == circuit.graph.n_edges
    assert not (circuit.mask & other.mask).any()
    again = Circuit.from_edges(circuit.graph, circuit.edges())
    assert again == circuit == other.complement()
    assert hash(again) == hash(circuit)
    assert circuit != other


def test_full_and_empty() -> None:
    assert Circuit.full(GRAPH).n_edges == GRAPH.n_edges
    assert Circuit.empty(GRAPH).edges() == Circuit.empty(GRAPH).nodes() == ()
    assert Circuit.full(GRAPH).nodes() == (*GRAPH.sources, "logits")


def test_masks_are_checked_copied_and_frozen() -> None:
    mask = GRAPH.mask.copy()
    mask[GRAPH.source_index("m1"), GRAPH.destination_index("m0")] = True
    with pytest.raises(SelectionError, match="'m1->m0', which is not an edge"):
        Circuit(GRAPH, mask)
    with pytest.raises(SelectionError, match=r"float64 \[7, 15\]; this graph needs bool \[7, 15\]"):
        Circuit(GRAPH, np.ones((7, 15)))
    mask = GRAPH.mask.copy()
    circuit = Circuit(GRAPH, mask)
    mask[:] = False
    assert circuit == Circuit.full(GRAPH)
    with pytest.raises(ValueError, match="read-only"):
        circuit.mask[0, 0] = False


def test_unknown_edges_are_refused_when_asked_for() -> None:
    with pytest.raises(SelectionError, match=r"did you mean 'a1\.h1<q>'"):
        Circuit.from_edges(GRAPH, ["input->a1.h1<Q>"])
    with pytest.raises(SelectionError, match="does not exist"):
        _ = "m1->m0" in Circuit.full(GRAPH)
