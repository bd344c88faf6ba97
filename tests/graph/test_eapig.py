from __future__ import annotations

import io
import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.eapig import (
    from_json_dict,
    from_pt_dict,
    node_scores_from_json_dict,
    node_scores_from_pt_dict,
    to_json_dict,
    to_pt_dict,
)

from .strategies import circuits, tied_scores

TINY = Graph(GraphSpec(1, 1, 4))
EDGES = [
    "input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h0<v>", "input->m0", "input->logits",
    "a0.h0->m0", "a0.h0->logits", "m0->logits",
]  # fmt: skip


def tiny_scores() -> EdgeScores:
    """Edge number n scores n + 1, signs alternating from plus."""
    values = np.zeros(TINY.mask.shape)
    for number, name in enumerate(EDGES):
        values[TINY.edge(name)] = (number + 1) * (-1) ** number
    return EdgeScores(TINY, values)


def tiny_file() -> dict[str, Any]:
    """The file of `tiny_scores` and the circuit input->m0->logits plus a dangling edge, written by hand."""
    kept = {"input->m0", "m0->logits", "a0.h0->logits"}
    turned = [-1.0, 2.0, -3.0, 4.0, -5.0, 6.0, -7.0, 8.0]
    return {
        "cfg": {"n_layers": 1, "n_heads": 1, "parallel_attn_mlp": False, "d_model": 4},
        "nodes": {
            "input": {"in_graph": True},
            "a0.h0": {"in_graph": False},
            "m0": {"in_graph": True},
            "logits": {"in_graph": True},
        },
        "edges": {name: {"score": score, "in_graph": name in kept} for name, score in zip(EDGES, turned, strict=True)},
    }


CIRCUIT = Circuit.from_edges(TINY, ["input->m0", "m0->logits", "a0.h0->logits"])


def test_json_equals_the_file_written_by_hand() -> None:
    assert to_json_dict(CIRCUIT, tiny_scores()) == tiny_file()


def test_json_written_by_hand_is_read_with_the_sign_turned_back() -> None:
    circuit, scores = from_json_dict(json.loads(json.dumps(tiny_file())))
    assert circuit == CIRCUIT
    assert scores is not None
    np.testing.assert_array_equal(scores.values, tiny_scores().values)


def test_pt_equals_the_layout_written_by_hand() -> None:
    d = to_pt_dict(CIRCUIT, tiny_scores())
    assert list(d) == ["cfg", "src_nodes", "dst_nodes", "edges_scores", "edges_in_graph", "nodes_in_graph"]
    assert d["cfg"] == tiny_file()["cfg"]
    assert d["src_nodes"] == ["input", "a0.h0", "m0"]
    assert d["dst_nodes"] == ["a0.h0<q>", "a0.h0<k>", "a0.h0<v>", "m0", "logits"]
    assert d["edges_scores"].tolist() == [[-1, 2, -3, 4, -5], [0, 0, 0, 6, -7], [0, 0, 0, 0, 8]]
    assert d["edges_in_graph"].dtype == d["nodes_in_graph"].dtype == torch.bool
    assert d["edges_in_graph"].int().tolist() == [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    assert d["nodes_in_graph"].tolist() == [True, False, True]


def test_pt_can_be_saved_and_loaded_without_trusting_it() -> None:
    buffer = io.BytesIO()
    torch.save(to_pt_dict(CIRCUIT, tiny_scores()), buffer)
    buffer.seek(0)
    circuit, scores = from_pt_dict(torch.load(buffer, weights_only=True))
    assert circuit == CIRCUIT
    assert scores is not None
    np.testing.assert_array_equal(scores.values, tiny_scores().values)


@given(circuits())
def test_circuits_without_scores_survive_both_formats(circuit: Circuit) -> None:
    assert from_json_dict(json.loads(json.dumps(to_json_dict(circuit)))) == (circuit, None)
    assert from_pt_dict(to_pt_dict(circuit)) == (circuit, None)


@given(tied_scores())
def test_scores_survive_both_formats(scores: EdgeScores) -> None:
    full = Circuit.full(scores.graph)
    for _, back in (from_json_dict(to_json_dict(full, scores)), from_pt_dict(to_pt_dict(full, scores))):
        assert back is not None
        assert back.graph == scores.graph
        np.testing.assert_allclose(back.values, scores.values, rtol=1e-14)


def test_float32_scores_survive_exactly() -> None:
    values = np.random.default_rng(0).standard_normal(TINY.mask.shape).astype(np.float32)
    scores = EdgeScores(TINY, values)
    _, from_json = from_json_dict(json.loads(json.dumps(to_json_dict(CIRCUIT, scores))))
    _, from_pt = from_pt_dict(to_pt_dict(CIRCUIT, scores))
    assert from_json is not None
    assert from_pt is not None
    np.testing.assert_array_equal(from_json.values.astype(np.float32), scores.values)
    np.testing.assert_array_equal(from_pt.values, scores.values)
    assert from_pt.values.dtype == np.float32


def test_unscored_edges_are_nan_and_stay_so() -> None:
    values = tiny_scores().values.copy()
    values[TINY.edge("a0.h0->m0")] = np.nan
    scores = EdgeScores(TINY, values, allow_unscored=True)
    d = to_json_dict(CIRCUIT, scores)
    assert np.isnan(d["edges"]["a0.h0->m0"]["score"])
    del d["edges"]["input->logits"]
    d["edges"]["input->m0"]["score"] = None
    _, back = from_json_dict(d)
    assert back is not None
    missing = np.argwhere(np.isnan(back.values) & TINY.mask).tolist()
    assert [TINY.edge_name(*index) for index in missing] == ["input->m0", "input->logits", "a0.h0->m0"]


def test_a_file_may_list_some_edges_only() -> None:
    """The three edges kept are those of the file; a head that it never names is unscored."""
    circuit, scores = from_json_dict(broken("cfg", "n_heads", value=2))
    assert circuit.edges() == ("input->m0", "a0.h0->logits", "m0->logits")
    assert scores is not None
    assert np.isfinite(scores.values).sum() == 8


def test_grouped_models_are_written_by_query_head() -> None:
    graph = Graph(GraphSpec(1, 2, 4, n_kv_heads=1, has_mlp=False))
    values = np.zeros(graph.mask.shape)
    values[graph.edge("input->a0.kv0<k>")] = -6.0
    d = to_json_dict(Circuit.from_edges(graph, ["input->a0.kv0<k>"]), EdgeScores(graph, values))
    assert d["cfg"] == {
        "n_layers": 1,
        "n_heads": 2,
        "parallel_attn_mlp": False,
        "d_model": 4,
        "n_key_value_heads": 1,
        "attn_only": True,
    }
    assert d["edges"]["input->a0.h0<k>"] == d["edges"]["input->a0.h1<k>"] == {"score": 3.0, "in_graph": True}
    assert set(d["nodes"]) == {"input", "a0.h0", "a0.h1", "logits"}


def test_the_files_of_others_are_grouped_by_the_models_shape() -> None:
    """EAP-IG's own cfg has no key/value heads: the model's spec says how to sum and join."""
    by_query = Graph(GraphSpec(1, 2, 4))
    values = np.zeros(by_query.mask.shape)
    values[by_query.edge("input->a0.h0<v>")], values[by_query.edge("input->a0.h1<v>")] = 1.0, 2.0
    d = to_pt_dict(Circuit.from_edges(by_query, ["input->a0.h1<v>"]), EdgeScores(by_query, values))
    assert "n_key_value_heads" not in d["cfg"]
    native = GraphSpec(1, 2, 4, n_kv_heads=1)
    circuit, scores = from_pt_dict(d, native)
    assert circuit.edges() == ("input->a0.kv0<v>",)
    assert scores is not None
    assert scores.values[Graph(native).edge("input->a0.kv0<v>")] == 3.0


def test_node_level_files_that_mark_whole_rows() -> None:
    d = to_pt_dict(CIRCUIT)
    d["edges_in_graph"] = torch.tensor([[True] * 5, [False] * 5, [True] * 5])
    circuit, _ = from_pt_dict(d)
    assert circuit.edges() == (*EDGES[:5], "m0->logits")


def test_node_scores_in_both_formats() -> None:
    nodes = NodeScores(TINY, np.array([1.0, -2.0, 0.0]))
    as_json, as_pt = to_json_dict(CIRCUIT, node_scores=nodes), to_pt_dict(CIRCUIT, node_scores=nodes)
    assert as_json["nodes"]["a0.h0"] == {"in_graph": False, "score": 2.0}
    assert as_pt["nodes_scores"].tolist() == [-1.0, 2.0, 0.0]
    for back in (node_scores_from_json_dict(as_json), node_scores_from_pt_dict(as_pt)):
        assert back is not None
        assert back.values.tolist() == [1.0, -2.0, 0.0]
    assert node_scores_from_json_dict(tiny_file()) is node_scores_from_pt_dict(to_pt_dict(CIRCUIT)) is None


def broken(*path: Any, value: Any = None, remove: bool = False, pt: bool = False) -> dict[str, Any]:
    d = deepcopy(to_pt_dict(CIRCUIT, tiny_scores()) if pt else tiny_file())
    holder = d
    for key in path[:-1]:
        holder = holder[key]
    if remove:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return d


@pytest.mark.parametrize(
    ("d", "message"),
    [
        ([], "the file is list, expected a dict"),
        (broken("cfg", remove=True), "cfg is missing"),
        (broken("nodes", remove=True), "nodes is missing"),
        (broken("edges", value=[]), r"edges is \[\], expected Mapping"),
        (broken("cfg", "n_heads", remove=True), "cfg.n_heads is missing"),
        (broken("cfg", "n_layers", value="2"), "cfg.n_layers is '2', expected int"),
        (broken("cfg", "n_layers", value=True), "cfg.n_layers is True, expected int"),
        (broken("cfg", "d_model", value=0), "cfg: .*d_model is 0"),
        (broken("cfg", "parallel_attn_mlp", remove=True), "cfg.parallel_attn_mlp is missing"),
        (broken("nodes", "m7", value={"in_graph": True}), "nodes: there is no 'm7'"),
        (broken("nodes", "m0", value={"in_graph": True, "neurons": [True]}), "single neurons"),
        (
            broken("edges", "m0->m0", value={"score": 1.0, "in_graph": True}),
            "edges: edge 'm0->m0' does not exist",
        ),
        (broken("edges", "m0->logit", value={}), "did you mean 'logits'"),
        (broken("edges", "m0->logits", value=3), r"edges\['m0->logits'\] is int, expected a dict"),
        (
            broken("edges", "m0->logits", "in_graph", remove=True),
            r"edges\['m0->logits'\].in_graph is missing",
        ),
        (broken("edges", "m0->logits", "in_graph", value="yes"), "in_graph is 'yes', expected bool"),
        (
            broken("edges", "m0->logits", "score", value="high"),
            r"score is 'high', expected float or int or null",
        ),
        (broken("edges", "m0->logits", "score", value=float("inf")), "score of 'm0->logits' is infinite"),
    ],
)
def test_bad_json_is_refused_by_field(d: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        from_json_dict(d)


@pytest.mark.parametrize(
    ("d", "message"),
    [
        (broken("src_nodes", remove=True, pt=True), "src_nodes is missing"),
        (broken("src_nodes", value=["input", "m0", "a0.h0"], pt=True), "number 1 is 'm0', expected 'a0.h0'"),
        (broken("dst_nodes", value=["a0.h0<q>"], pt=True), "dst_nodes .* 1 names, expected 5"),
        (broken("edges_scores", value=[[1.0]], pt=True), r"edges_scores is \[\[1.0\]\], expected Tensor"),
        (broken("edges_scores", value=torch.ones(5, 3), pt=True), r"edges_scores has .*\[5, 3\].*\[3, 5\]"),
        (broken("edges_in_graph", value=torch.ones(3), pt=True), r"edges_in_graph has shape \[3\]"),
        (broken("nodes_in_graph", remove=True, pt=True), "nodes_in_graph is missing"),
        (broken("edges_scores", value=torch.full((3, 5), torch.inf), pt=True), "h0<q>' is infinite"),
        (broken("neurons_in_graph", value=torch.ones(3, 4), pt=True), "neurons_in_graph: .*single neurons"),
    ],
)  # fmt: skip
def test_bad_pt_is_refused_by_field(d: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        from_pt_dict(d)


def test_a_file_of_another_model_is_refused() -> None:
    with pytest.raises(FormatError, match="cfg: n_layers is 1, the model's is 2; the file is of another model"):
        from_json_dict(tiny_file(), GraphSpec(2, 1, 4))


def test_scores_of_another_graph_are_refused() -> None:
    with pytest.raises(SelectionError, match="scores are of"):
        to_json_dict(Circuit.full(Graph(GraphSpec(1, 2, 4))), tiny_scores())


def test_circuits_without_scores_as_mib_takes_them_are_read() -> None:
    """Its loader takes a missing score for none, in JSON and in ``.pt``."""
    graph = Graph(GraphSpec(2, 3, 12))
    circuit = Circuit(graph, graph.mask & (np.random.default_rng(0).random(graph.mask.shape) < 0.3))
    told, tensors = to_json_dict(circuit), to_pt_dict(circuit)
    for edge in told["edges"].values():
        del edge["score"]
    del tensors["edges_scores"]
    assert from_json_dict(told) == from_pt_dict(tensors) == (circuit, None)
    few = {name: edge for name, edge in told["edges"].items() if edge["in_graph"]}
    assert from_json_dict({**told, "edges": dict(list(few.items())[:3])})[0].edges() == tuple(list(few)[:3])
