"""Our circuit file: it says what the run says, and gives it back."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores, circuit_said, query_head_view
from edgewise.graph.circuit_file import from_dict, to_dict

from .strategies import graphs, results

GROUPED = Graph(GraphSpec(1, 2, 4, n_kv_heads=1))
# Written by hand: one kept edge that was measured, one estimate, the rest unscored.
BY_HAND: dict[str, Any] = {
    "format": "edgewise-circuit",
    "format_version": 1,
    "graph": {"n_layers": 1, "n_heads": 2, "d_model": 4, "n_kv_heads": 1, "has_mlp": True, "parallel": False},
    "level": "edge",
    "edges": {
        "input->a0.kv0<k>": {"in_circuit": True, "score": -0.5, "exact": True, "estimate": -0.25},
        "a0.h1->logits": {"in_circuit": False, "score": 0.125, "exact": False},
        "m0->logits": {"in_circuit": True},
    },
}


def by_hand() -> tuple[Circuit, EdgeScores]:
    values, estimated = np.full(GROUPED.mask.shape, np.nan), np.full(GROUPED.mask.shape, np.nan)
    verified = np.zeros(GROUPED.mask.shape, dtype=bool)
    measured, guessed = GROUPED.edge("input->a0.kv0<k>"), GROUPED.edge("a0.h1->logits")
    values[measured], values[guessed] = -0.5, 0.125
    estimated[measured], estimated[guessed] = -0.25, 0.125
    verified[measured] = True
    scores = EdgeScores(GROUPED, values, verified=verified, estimated=estimated, allow_unscored=True)
    return Circuit.from_edges(GROUPED, ["input->a0.kv0<k>", "m0->logits"]), scores


def test_it_equals_the_file_written_by_hand() -> None:
    assert to_dict(*by_hand()) == BY_HAND


def test_the_file_written_by_hand_is_read() -> None:
    circuit, scores = from_dict(json.loads(json.dumps(BY_HAND)))
    wanted_circuit, wanted = by_hand()
    assert circuit == wanted_circuit
    assert scores is not None
    for name in ("values", "verified", "estimated"):
        np.testing.assert_array_equal(getattr(scores, name), getattr(wanted, name), err_msg=name)


def test_of_very_many_scores_those_of_the_circuit_are_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.graph.circuit_file.MOST_LISTED", 1)
    kept = {name: known for name, known in BY_HAND["edges"].items() if known["in_circuit"]}
    assert to_dict(*by_hand()) == BY_HAND | {"edges": kept}
    circuit, scores = from_dict(to_dict(*by_hand()))
    assert circuit == by_hand()[0]
    assert scores is not None
    assert dict(scores.items()) == {"input->a0.kv0<k>": -0.5}


@given(results())
def test_what_is_written_comes_back(result: tuple[Circuit, EdgeScores | NodeScores | None]) -> None:
    circuit, scores = result
    again, theirs = from_dict(json.loads(json.dumps(to_dict(circuit, scores), allow_nan=False)))
    assert again == circuit
    assert type(theirs) is type(scores)
    if scores is None or theirs is None:
        return
    np.testing.assert_array_equal(theirs.values, scores.values)
    if scores.verified is not None and scores.verified.any():
        assert theirs.verified is not None
        np.testing.assert_array_equal(theirs.verified, scores.verified)
        np.testing.assert_array_equal(theirs.estimated, scores.estimated)


@given(graphs())
def test_a_model_that_groups_heads_otherwise_gets_its_own_view(graph: Graph) -> None:
    """From key/value heads to query heads membership is copied; back it is joined."""
    native = Circuit(graph, graph.mask & (np.arange(graph.n_destinations) % 2 == 0))
    by_query = replace(graph.spec, n_kv_heads=graph.spec.n_heads)
    copied, _ = from_dict(to_dict(native), by_query)
    assert copied == query_head_view(native)
    joined, _ = from_dict(to_dict(copied), graph.spec)
    assert joined == native


def changed(path: str, value: Any) -> dict[str, Any]:
    d = deepcopy(BY_HAND)
    *holders, last = path.split("/")
    holder = d
    for name in holders:
        holder = holder[name]
    holder[last] = value
    return d


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format_version", 2, "format_version is 2"),
        ("format_version", "1", "format_version is '1', expected int"),
        ("graph/n_heads", 3.5, "graph: graph shape: n_heads is 3.5"),
        ("graph/width", 3, "graph: got an unexpected keyword argument 'width'"),
        ("graph", [], r"graph is \[\], expected Mapping"),
        ("level", "neuron", "level is 'neuron', expected 'edge', 'node' or null"),
        ("level", "node", "nodes is missing"),
        ("edges/a0.h0->a0.h1<q>", {}, "edges: edge 'a0.h0->a0.h1<q>'"),
        ("edges/m0->logits", 3, r"edges\['m0->logits'\] is int, expected a dict"),
        ("edges/m0->logits/in_circuit", 1, r"edges\['m0->logits'\].in_circuit is 1, expected bool"),
        ("edges/m0->logits/score", "1", r"edges\['m0->logits'\].score is '1', expected float"),
        ("edges/m0->logits/score", 10**400, r"edges\['m0->logits'\].score is infinite"),
        ("edges/m0->logits/exact", 1, r"edges\['m0->logits'\].exact is 1, expected bool"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: Any, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        from_dict(changed(path, value))


def test_a_file_of_another_model_is_refused() -> None:
    for spec, words in (
        (GraphSpec(2, 2, 4, n_kv_heads=1), "n_layers is 1, the model's is 2"),
        (GraphSpec(1, 4, 4, n_kv_heads=2), "n_heads is 2, the model's is 4"),
    ):
        with pytest.raises(FormatError, match=words):
            from_dict(BY_HAND, spec)


def test_scores_of_another_graph_are_refused() -> None:
    other = Graph(GraphSpec(2, 2, 4))
    with pytest.raises(SelectionError, match="scores are of"):
        to_dict(Circuit.empty(GROUPED), NodeScores(other, np.zeros(other.n_sources)))


def test_a_file_of_many_edges_is_read_in_columns_as_one_by_one() -> None:
    graph = Graph(GraphSpec(2, 3, 12))
    draw = np.random.default_rng(0)
    values = draw.normal(size=graph.mask.shape)
    values[draw.random(values.shape) < 0.2] = np.nan
    marks = {"verified": draw.random(values.shape) < 0.3, "estimated": values + 1}
    for extra in ({}, marks):
        scores = EdgeScores(graph, values, **extra, allow_unscored=True)
        edges = to_dict(Circuit(graph, graph.mask & (draw.random(values.shape) < 0.5)), scores)["edges"]
        fast, slow = circuit_said._at_once(edges, graph, "edge"), circuit_said._one_by_one(edges, graph, "edge")
        assert fast is not None
        np.testing.assert_array_equal(fast[0], slow[0])
        assert fast[1].measured == slow[1].measured == bool(extra)
        for field in ("values", "estimated", "verified"):
            np.testing.assert_array_equal(getattr(fast[1], field), getattr(slow[1], field))
        for wrong in ({"in_circuit": 1}, {"in_circuit": True, "score": 10**400}, {"in_circuit": True, "exact": 0}, []):
            assert circuit_said._at_once(edges | {"input->m0": wrong}, graph, "edge") is None
