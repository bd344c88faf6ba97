"""Which edges a picture shows."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.errors import SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.report.picture.choice import MOST_EDGES, choose
from report.conftest import SPECS, edge_scores

GRAPH = Graph(GraphSpec(1, 1, 4))
# sources input, a0.h0, m0; destinations a0.h0<q>, a0.h0<k>, a0.h0<v>, m0, logits
VALUES = np.array([[0.5, -0.25, 0.0, -2.0, 1.0], [0, 0, 0, 1.0, 0.0], [0, 0, 0, 0, -0.125]])


def test_all_edges_of_a_small_circuit_with_their_strength() -> None:
    circuit = Circuit.from_edges(GRAPH, ["input->a0.h0<k>", "input->m0", "a0.h0->m0"])
    drawn = choose(circuit, EdgeScores(GRAPH, VALUES))
    assert [(edge.name, edge.score, edge.strength) for edge in drawn.edges] == [
        ("input->a0.h0<k>", -0.25, 0.125),
        ("input->m0", -2.0, 1.0),
        ("a0.h0->m0", 1.0, 0.5),
    ]
    assert [(edge.node, edge.letter) for edge in drawn.edges] == [("a0.h0", "k"), ("m0", ""), ("m0", "")]
    assert (drawn.largest, drawn.left_out) == (2.0, 0)


def test_the_strongest_are_drawn_and_the_others_counted() -> None:
    drawn = choose(Circuit.full(GRAPH), EdgeScores(GRAPH, VALUES), top=2)
    # input->logits and a0.h0->m0 are equally strong: the first in the graph's order is drawn
    assert [edge.name for edge in drawn.edges] == ["input->m0", "input->logits"]
    assert (drawn.total, drawn.left_out) == (8, 6)


def test_no_more_edges_than_can_be_read() -> None:
    scores = edge_scores(SPECS["gpt2"])
    drawn = choose(Circuit.full(scores.graph), scores)
    assert len(drawn.edges) == MOST_EDGES == 300
    assert drawn.left_out == 32_491 - 300
    sizes = np.sort(np.abs(scores.values[scores.graph.mask]))[::-1]
    assert min(abs(edge.score or 0) for edge in drawn.edges) == sizes[299]
    assert len(choose(Circuit.full(scores.graph), scores, top=400).edges) == 400


def test_with_scores_of_nodes_an_edge_is_as_strong_as_its_weaker_end() -> None:
    scores = NodeScores(GRAPH, np.array([0.5, -3.0, 2.0]))
    drawn = choose(Circuit.full(GRAPH), scores, top=3)
    assert [edge.name for edge in drawn.edges] == ["a0.h0->m0", "a0.h0->logits", "m0->logits"]
    assert {edge.score for edge in drawn.edges} == {None}
    assert drawn.node_scores == {"input": 0.5, "a0.h0": -3.0, "m0": 2.0}
    assert drawn.largest_node == 3.0


def test_edges_without_scores() -> None:
    drawn = choose(Circuit.full(GRAPH), None, top=3)
    assert [edge.name for edge in drawn.edges] == ["input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h0<v>"]
    assert all(edge.score is None and edge.strength == 0 for edge in drawn.edges)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(SelectionError, match="scores are of"):
        choose(Circuit.full(GRAPH), edge_scores(SPECS["parallel"]))
    with pytest.raises(SelectionError, match="top is 0; give at least 1"):
        choose(Circuit.full(GRAPH), None, top=0)
