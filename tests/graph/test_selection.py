from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import SelectionError
from edgewise.graph import (
    Circuit,
    EdgeScores,
    Graph,
    GraphSpec,
    NodeScores,
    greedy,
    prune,
    threshold,
    threshold_nodes,
    top_fraction,
    top_n,
    top_nodes,
)

from .strategies import circuits, tied_scores

GRAPH = Graph(GraphSpec(2, 2, 4))


def scores_of(graph: Graph, named: dict[str, float], rest: float = 0.0) -> EdgeScores:
    values = np.full(graph.mask.shape, rest)
    for name, value in named.items():
        values[graph.edge(name)] = value
    return EdgeScores(graph, values, allow_unscored=True)


@given(tied_scores(), st.data())
def test_top_n_equals_sorting_a_list(scores: EdgeScores, data: Any) -> None:
    n = data.draw(st.integers(0, scores.graph.n_edges))
    listed = [(-abs(float(scores.values[i, j])), i, j, name) for i, j, name in scores.graph.edges()]
    expected = {name for *_, name in sorted(listed)[:n]}
    circuit = top_n(scores, n)
    assert circuit.n_edges == n
    assert set(circuit.edges()) == expected


def test_ties_are_broken_by_source_then_destination() -> None:
    circuit = top_n(scores_of(GRAPH, {"m1->logits": 2.0}, rest=1.0), 4)
    assert circuit.edges() == ("input->a0.h0<q>", "input->a0.h1<q>", "input->a0.h0<k>", "m1->logits")


def test_what_edges_are_ranked_by() -> None:
    scores = scores_of(GRAPH, {"m0->m1": -3.0, "m0->logits": 2.0})
    assert top_n(scores, 1).edges() == ("m0->m1",)
    assert top_n(scores, 1, by="signed").edges() == ("m0->logits",)
    assert top_n(scores, 1, by="helpful").edges() == ("m0->m1",)


@pytest.mark.parametrize("n", [-1, 47])
def test_counts_that_the_graph_does_not_have(n: int) -> None:
    # 1 source x 6 inputs, 3 into m0, 4 x 6, 6 into m1, 7 into logits
    assert GRAPH.n_edges == 6 + 3 + 24 + 6 + 7 == 46
    with pytest.raises(SelectionError, match=f"cannot select {n} edges: there are 46; ask for 0 to 46"):
        top_n(scores_of(GRAPH, {}), n)
    with pytest.raises(SelectionError, match=f"cannot select {n} edges"):
        greedy(scores_of(GRAPH, {}), n)


def test_unscored_edges_are_never_selected() -> None:
    scores = scores_of(GRAPH, {"input->logits": 1.0, "m0->logits": -5.0, "m0->m1": 0.0}, rest=np.nan)
    assert top_n(scores, 3).n_edges == threshold(scores, 0.0).n_edges == 3
    with pytest.raises(SelectionError, match="there are 3"):
        top_n(scores, 4)


@given(tied_scores(), st.sampled_from(["0", "0.001", "0.01", "0.1", "0.29", "0.5", "0.57", "1"]))
def test_fractions_are_rounded_down_exactly(scores: EdgeScores, fraction: str) -> None:
    expected = math.floor(Fraction(fraction) * scores.graph.n_edges)
    assert top_fraction(scores, float(fraction)).n_edges == expected


def test_one_percent_of_gpt2_is_324_edges() -> None:
    graph = Graph(GraphSpec(12, 12, 768))
    assert top_fraction(EdgeScores(graph, np.ones(graph.mask.shape)), 0.01).n_edges == 324


@pytest.mark.parametrize("fraction", [-0.1, 1.1, 50, float("nan")])
def test_fractions_outside_zero_to_one(fraction: float) -> None:
    with pytest.raises(SelectionError, match="divide by 100"):
        top_fraction(scores_of(GRAPH, {}), fraction)


def test_a_threshold_keeps_what_equals_it() -> None:
    scores = scores_of(GRAPH, {"m0->m1": -0.5, "m0->logits": 0.5, "input->m0": 0.499})
    assert set(threshold(scores, 0.5).edges()) == {"m0->m1", "m0->logits"}
    assert threshold(scores, 0.5, by="signed").edges() == ("m0->logits",)
    assert threshold(scores, 0.0) == Circuit.full(GRAPH)
    with pytest.raises(SelectionError, match="not a number"):
        threshold(scores, float("nan"))


def slow_greedy(scores: EdgeScores, n: int) -> list[str]:
    """Independent route: names and sets, every candidate looked at anew in every step."""
    graph, kept, reached = scores.graph, [], {"logits"}
    group = graph.spec.n_heads // (graph.spec.n_kv_heads or 1)

    def heads_at(place: str) -> set[str]:
        node = place.split("<")[0]
        if ".kv" not in node:
            return {node}
        layer, number = node.split(".kv")
        return {f"{layer}.h{head}" for head in range(int(number) * group, (int(number) + 1) * group)}

    for _ in range(n):
        candidates = [
            (-abs(float(scores.values[i, j])), i, j, name)
            for i, j, name in graph.edges()
            if name not in kept and heads_at(graph.destinations[j]) & reached
        ]
        *_, best = min(candidates)
        kept.append(best)
        reached.add(best.split("->")[0])
    return kept


@given(tied_scores(), st.integers(0, 25))
def test_greedy_equals_the_slow_version(scores: EdgeScores, n: int) -> None:
    n = min(n, scores.graph.n_edges)
    assert set(greedy(scores, n).edges()) == set(slow_greedy(scores, n))


@given(tied_scores())
def test_greedy_reaches_every_edge(scores: EdgeScores) -> None:
    assert greedy(scores, scores.graph.n_edges) == Circuit.full(scores.graph)


def test_greedy_by_hand() -> None:
    """The strongest edge, input->m0, leads nowhere until m0 is reached; top n takes it at once."""
    scores = scores_of(GRAPH, {"input->m0": 9.0, "m1->logits": 3.0, "m0->m1": 2.0, "a1.h0->logits": 1.0})
    assert top_n(scores, 1).edges() == ("input->m0",)
    assert greedy(scores, 2).edges() == ("m0->m1", "m1->logits")
    assert greedy(scores, 3).edges() == ("input->m0", "m0->m1", "m1->logits")


def test_greedy_enters_a_head_at_all_its_inputs() -> None:
    scores = scores_of(GRAPH, {"a1.h0->logits": 5.0, "m0->a1.h0<k>": 4.0, "a0.h1->a1.h0<v>": 3.0, "input->m0": 2.0})
    assert greedy(scores, 4).edges() == ("input->m0", "a0.h1->a1.h0<v>", "m0->a1.h0<k>", "a1.h0->logits")


def test_greedy_stops_where_no_scored_edge_leads_on() -> None:
    scores = scores_of(GRAPH, {"m0->logits": 1.0, "input->m1": 5.0}, rest=np.nan)
    with pytest.raises(SelectionError, match="only 1 scored edges lead to logits, 2 were asked for"):
        greedy(scores, 2)


@given(circuits())
def test_prune_keeps_exactly_the_edges_on_a_path(circuit: Circuit) -> None:
    """Independent route: networkx reachability over named places, one link a head and input."""
    graph, drawn = circuit.graph, nx.DiGraph()
    drawn.add_nodes_from(["writes input", "reads logits"])
    drawn.add_edges_from(
        (f"writes {graph.sources[i]}", f"reads {graph.destinations[j]}") for i, j in np.argwhere(circuit.mask)
    )
    drawn.add_edges_from(
        (f"reads {graph.destinations[j]}", f"writes {graph.sources[i]}") for i, j in np.argwhere(graph.reads)
    )
    fed = nx.descendants(drawn, "writes input") | {"writes input"}
    heard = nx.ancestors(drawn, "reads logits") | {"reads logits"}
    expected = {
        name
        for name in circuit.edges()
        if f"writes {name.split('->')[0]}" in fed and f"reads {name.split('->')[1]}" in heard
    }
    pruned = prune(circuit)
    assert set(pruned.edges()) == expected
    assert prune(pruned) == pruned


def test_prune_by_hand() -> None:
    path = ["input->a0.h0<q>", "a0.h0->a1.h1<v>", "a1.h1->logits"]
    dangling = ["a0.h1->logits", "input->m0", "m0->m1", "a0.h0->a1.h0<k>"]
    circuit = Circuit.from_edges(GRAPH, path + dangling)
    assert prune(circuit) == Circuit.from_edges(GRAPH, path)
    assert circuit.n_edges == 7  # the given circuit is as it was
    assert prune(Circuit.from_edges(GRAPH, dangling)) == Circuit.empty(GRAPH)


def test_no_selection_prunes_silently() -> None:
    assert top_n(scores_of(GRAPH, {"a0.h1->a1.h0<q>": 1.0}), 1).edges() == ("a0.h1->a1.h0<q>",)


def test_top_nodes_by_hand() -> None:
    values = np.zeros(GRAPH.n_sources)
    for name, value in {"a0.h1": -3.0, "m1": 2.0, "a1.h0": 1.0}.items():
        values[GRAPH.source_index(name)] = value
    circuit = top_nodes(NodeScores(GRAPH, values), 3)
    assert circuit.edges() == (
        "a0.h1->a1.h0<q>", "a0.h1->a1.h0<k>", "a0.h1->a1.h0<v>", "a0.h1->m1", "a0.h1->logits",
        "a1.h0->m1", "a1.h0->logits", "m1->logits",
    )  # fmt: skip
    assert threshold_nodes(NodeScores(GRAPH, values), 1.0) == circuit
    assert top_nodes(NodeScores(GRAPH, values), 1).edges() == ("a0.h1->logits",)
    assert top_nodes(NodeScores(GRAPH, values), GRAPH.n_sources) == Circuit.full(GRAPH)
    with pytest.raises(SelectionError, match="cannot select 8 nodes: there are 7"):
        top_nodes(NodeScores(GRAPH, values), 8)


def test_one_head_of_a_group_keeps_the_shared_input() -> None:
    graph = Graph(GraphSpec(2, 2, 4, n_kv_heads=1, has_mlp=False))
    values = np.array([1.0, 0.0, 0.0, 1.0, 0.0])  # input and a1.h0
    assert top_nodes(NodeScores(graph, values), 2).edges() == (
        "input->a1.h0<q>", "input->a1.kv0<k>", "input->a1.kv0<v>", "input->logits", "a1.h0->logits",
    )  # fmt: skip
