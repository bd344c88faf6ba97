from __future__ import annotations

import re
import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, prune
from edgewise.graph.views import to_dot, to_networkx

from .strategies import circuits

GRAPH = Graph(GraphSpec(2, 2, 4))
NAMES = ["input->a1.h0<k>", "input->a1.h0<v>", "a1.h0->m1", "m1->logits"]


def named_scores() -> EdgeScores:
    values = np.zeros(GRAPH.mask.shape)
    values[GRAPH.edge("input->a1.h0<k>")], values[GRAPH.edge("m1->logits")] = 1.0, -4.0
    return EdgeScores(GRAPH, values)


def test_networkx_by_hand() -> None:
    drawn = to_networkx(Circuit.from_edges(GRAPH, NAMES), named_scores())
    own = {f"{u}->{v}": data["score"] for u, v, data in drawn.edges(data=True) if data["kind"] == "edge"}
    assert own == {"input->a1.h0<k>": 1.0, "input->a1.h0<v>": 0.0, "a1.h0->m1": 0.0, "m1->logits": -4.0}
    links = [(u, v) for u, v, kind in drawn.edges(data="kind") if kind == "reads"]
    assert sorted(links) == [("a1.h0<k>", "a1.h0"), ("a1.h0<v>", "a1.h0")]
    kinds = dict(drawn.nodes(data="kind"))
    assert kinds["a1.h0<k>"] == "head-input"
    assert (kinds["a1.h0"], kinds["m1"], kinds["input"], kinds["logits"]) == (
        "head",
        "mlp",
        "input",
        "logits",
    )


@given(circuits())
def test_networkx_has_one_edge_for_each_and_paths_as_pruning_sees_them(circuit: Circuit) -> None:
    drawn = to_networkx(circuit)
    own = {f"{u}->{v}" for u, v, kind in drawn.edges(data="kind") if kind == "edge"}
    assert own == set(circuit.edges())
    assert nx.is_directed_acyclic_graph(drawn)
    connected = "input" in drawn and "logits" in drawn and nx.has_path(drawn, "input", "logits")
    assert connected == bool(prune(circuit).n_edges)


def test_dot_by_hand() -> None:
    text = to_dot(Circuit.from_edges(GRAPH, NAMES), named_scores())
    edges = re.findall(r'"([^"]+)" -> "([^"]+)" \[color="(#\w+)", penwidth=([\d.]+)(?:, label="(\w)")?\];', text)
    assert edges == [
        ("input", "a1.h0", "#b2182b", "1.62", "k"),  # 0.5 + 4.5 / 4, red: patching it raises the metric
        ("input", "a1.h0", "#b2182b", "0.50", "v"),
        ("a1.h0", "m1", "#b2182b", "0.50", ""),
        ("m1", "logits", "#2166ac", "5.00", ""),
    ]
    assert text.startswith("digraph circuit {\n")
    assert text.endswith("}\n")


def test_dot_of_unscored_and_grouped_circuits() -> None:
    grouped = Graph(GraphSpec(1, 4, 4, n_kv_heads=2))
    text = to_dot(Circuit.from_edges(grouped, ["input->a0.kv1<k>", "input->a0.kv1<v>", "a0.h3->logits"]))
    assert text.count('"input" -> "a0.kv1" [color="#777777", penwidth=1.00') == 2
    assert re.findall(r'"(\S+)" -> "(\S+)" \[style=dotted', text) == [
        ("a0.kv1", "a0.h2"),
        ("a0.kv1", "a0.h3"),
    ]
    assert to_dot(Circuit.empty(grouped)).count("->") == 0


def test_scores_of_another_graph_are_refused() -> None:
    with pytest.raises(SelectionError, match="scores are of"):
        to_dot(Circuit.full(Graph(GraphSpec(1, 2, 4))), named_scores())


def test_without_networkx_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(FormatError, match=r"edgewise\[networkx\]"):
        to_networkx(Circuit.from_edges(GRAPH, NAMES))


def test_edges_by_place_are_drawn_over_positions_and_other_places_are_told_apart() -> None:
    graph = Graph(GraphSpec(1, 2, 4)).at_places(("first", "last"))
    values = np.where(graph.mask, 1.5, 0.0)
    circuit = Circuit.from_edges(graph, ["input->m0@first", "input->m0@last", "m0->logits@last"])
    drawn = to_networkx(circuit, EdgeScores(graph, values))
    assert dict(drawn["input"]) == {"m0": {"kind": "edge", "score": 3.0}}
    assert '"m0" -> "logits"' in to_dot(circuit)
    with pytest.raises(SelectionError, match=r"scores are of GraphSpec.*, the circuit is of .* at first, last"):
        to_networkx(circuit, EdgeScores(graph.plain, np.where(graph.plain.mask, 1.0, 0.0)))
    with pytest.raises(SelectionError, match=r"circuits of two graphs, .* at first, last and .* at the same places"):
        _ = circuit | circuit.plain
