from __future__ import annotations

import ast
import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import edgewise.graph
from edgewise.errors import ModelError, SelectionError
from edgewise.graph import Circuit, Graph, GraphSpec

from .strategies import graphs

GPT2 = GraphSpec(n_layers=12, n_heads=12, d_model=768)
ATTN_ONLY_4L = GraphSpec(n_layers=4, n_heads=8, d_model=512, has_mlp=False)


@pytest.mark.parametrize(
    ("spec", "n_edges"),
    [
        pytest.param(GPT2, 32_491, id="gpt2-small"),
        pytest.param(ATTN_ONLY_4L, 1_281, id="attn-only-4l"),
        pytest.param(GraphSpec(2, 8, 256, has_mlp=False), 257, id="redwood-2l"),
        # Pythia-160M: before block l stand 1 + 13 l sources; its 36 q, k, v inputs and its MLP all read
        # exactly those. Sum over l = 0..11: 37 (12 + 13 * 66) = 37 * 870 = 32,190; logits read all 157.
        pytest.param(GraphSpec(12, 12, 768, parallel=True), 32_190 + 157, id="pythia-160m"),
        # Two layers, 4 heads in 2 groups: before layer l stand 1 + 5 l sources; 4 + 2 + 2 = 8 inputs read
        # them, 8 (1 + 6) = 56; the MLPs read 4 more, 5 + 10 = 15; logits read all 11.
        pytest.param(GraphSpec(2, 4, 16, n_kv_heads=2), 56 + 15 + 11, id="grouped"),
    ],
)
def test_edge_counts(spec: GraphSpec, n_edges: int) -> None:
    graph = Graph(spec)
    assert graph.n_edges == n_edges == int(graph.mask.sum()) == len(list(graph.edges()))


def test_edge_count_of_gpt2_by_its_published_formula() -> None:
    assert sum(36 * (1 + 13 * layer) + (13 + 13 * layer) for layer in range(12)) + 157 == Graph(GPT2).n_edges


def test_names_and_orders_by_hand() -> None:
    graph = Graph(GraphSpec(1, 2, 4))
    assert graph.sources == ("input", "a0.h0", "a0.h1", "m0")
    places = ("a0.h0<q>", "a0.h1<q>", "a0.h0<k>", "a0.h1<k>", "a0.h0<v>", "a0.h1<v>", "m0", "logits")
    assert graph.destinations == places
    assert graph.mask.astype(int).tolist() == [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]
    assert [name for *_, name in graph.edges()][7:] == [
        "input->logits", "a0.h0->m0", "a0.h0->logits", "a0.h1->m0", "a0.h1->logits", "m0->logits",
    ]  # fmt: skip


def test_names_of_grouped_and_attention_only_graphs_by_hand() -> None:
    grouped = Graph(GraphSpec(1, 4, 4, n_kv_heads=2, has_mlp=False))
    assert grouped.sources == ("input", "a0.h0", "a0.h1", "a0.h2", "a0.h3")
    assert grouped.destinations[4:] == ("a0.kv0<k>", "a0.kv1<k>", "a0.kv0<v>", "a0.kv1<v>", "logits")
    assert grouped.reads[3].tolist() == [False, False, True, False, False, True, False, True, False]


def test_parallel_blocks_differ_only_in_own_heads_to_own_mlp() -> None:
    sequential = {name for *_, name in Graph(GraphSpec(3, 2, 8)).edges()}
    parallel = {name for *_, name in Graph(GraphSpec(3, 2, 8, parallel=True)).edges()}
    assert sequential - parallel == {f"a{layer}.h{head}->m{layer}" for layer in range(3) for head in range(2)}
    assert parallel < sequential


@given(graphs())
def test_an_edge_exists_exactly_where_the_writer_comes_first(graph: Graph) -> None:
    """Independent route: give every node the time at which it reads and the time at which it writes."""

    def layer_of(name: str) -> int:
        return int(name.removeprefix("a").removeprefix("m").split(".")[0])

    def reads_at(name: str) -> float:
        if name == "logits":
            return np.inf
        late = name.startswith("m") and not graph.spec.parallel
        return layer_of(name) + (0.5 if late else 0.0)

    def writes_at(name: str) -> float:
        if name == "input":
            return -1.0
        return layer_of(name) + (0.9 if name.startswith("m") or graph.spec.parallel else 0.4)

    expected = [[writes_at(s) < reads_at(d) for d in graph.destinations] for s in graph.sources]
    assert graph.mask.tolist() == expected


@given(graphs())
def test_layout_agrees_with_names(graph: Graph) -> None:
    for layer in range(graph.spec.n_layers):
        rows = graph.sources[graph.head_sources(layer)]
        assert rows == tuple(f"a{layer}.h{head}" for head in range(graph.spec.n_heads))
        for part, letter in ((graph.q(layer), "q"), (graph.k(layer), "k"), (graph.v(layer), "v")):
            names = graph.destinations[part]
            assert len(names) == (graph.spec.n_heads if letter == "q" else graph.spec.kv_heads)
            assert all(name.startswith(f"a{layer}.") and name.endswith(f"<{letter}>") for name in names)
        whole = graph.attention(layer)
        assert (whole.start, whole.stop) == (graph.q(layer).start, graph.v(layer).stop)
        # The rows that precede are exactly the rows of the mask that are on.
        assert graph.mask[:, whole].sum(axis=0).tolist() == [graph.sources_before_attention(layer)] * (
            whole.stop - whole.start
        )
        if graph.spec.has_mlp:
            assert graph.sources[graph.mlp_source(layer)] == graph.destinations[graph.mlp(layer)] == f"m{layer}"
            assert graph.mask[:, graph.mlp(layer)].sum() == graph.sources_before_mlp(layer)
    assert graph.destinations[graph.logits] == "logits"
    assert graph.sources[graph.input_source] == "input"


@given(graphs())
def test_sizes_and_round_trip_of_names(graph: Graph) -> None:
    spec, mlp = graph.spec, int(graph.spec.has_mlp)
    assert graph.n_sources == 1 + spec.n_layers * (spec.n_heads + mlp)
    assert graph.n_destinations == spec.n_layers * (spec.n_heads + 2 * spec.kv_heads + mlp) + 1
    for i, j, name in graph.edges():
        assert graph.edge(name) == (i, j)
        assert graph.edge_name(i, j) == name


@given(graphs())
def test_all_names_at_once_are_those_one_by_one(graph: Graph) -> None:
    assert graph.edge_names() == [graph.edge_name(i, j) for i, j in np.argwhere(graph.mask)]


@given(graphs())
def test_every_node_reads_only_from_earlier_sources(graph: Graph) -> None:
    """Source order is a topological order: what pruning relies on."""
    for k in range(graph.n_sources):
        writers = np.flatnonzero(graph.mask[:, graph.reads[k]].any(axis=1))
        assert (writers < k).all()
    assert graph.reads[:, : graph.logits].any(axis=0).all()
    assert not graph.reads[0].any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a0.h1", r"not an edge name; write 'source->destination'"),
        ("a9.h1->m0", r"unknown source 'a9.h1'; did you mean 'a[01].h1'"),
        ("input->a1.h3<k>", r"did you mean 'a1.kv1<k>'"),
        ("input->a1.h3", r"a1.h3 reads at a1.h3<q>, a1.kv1<k>, a1.kv1<v>"),
        ("input->logit", r"did you mean 'logits'"),
        ("m1->m0", r"does not exist"),
    ],
)
def test_wrong_edge_names_say_what_to_write(name: str, message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        Graph(GraphSpec(2, 4, 8, n_kv_heads=2)).edge(name)


def test_layers_and_mlps_that_do_not_exist() -> None:
    graph = Graph(ATTN_ONLY_4L)
    with pytest.raises(SelectionError, match="layers run from 0 to 3"):
        graph.q(4)
    with pytest.raises(SelectionError, match="attention-only"):
        graph.mlp(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_layers": 0}, "n_layers is 0"),
        ({"n_kv_heads": 3}, "n_kv_heads 3 does not divide n_heads 4"),
        ({"parallel": True, "has_mlp": False}, "parallel blocks need an MLP"),
    ],
)
def test_impossible_shapes(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        GraphSpec(**{"n_layers": 2, "n_heads": 4, "d_model": 8, **arguments})  # type: ignore[arg-type]


def test_graphs_are_frozen_values() -> None:
    graph = Graph(GPT2)
    assert graph == Graph(GraphSpec(12, 12, 768, n_kv_heads=12))
    assert hash(graph) == hash(Graph(GPT2))
    assert graph != Graph(ATTN_ONLY_4L)
    with pytest.raises(ValueError, match="read-only"):
        graph.mask[0, 0] = False
    with pytest.raises(FrozenInstanceError):
        graph.n_edges = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("task", "spec", "n_edges"),
    [("ioi", GPT2, 963), ("greater_than", GPT2, 235), ("docstring", ATTN_ONLY_4L, 24)],
)
def test_published_circuits_are_edges_of_the_graph(shared: Path, task: str, spec: GraphSpec, n_edges: int) -> None:
    names = json.loads((shared / "circuits" / f"{task}.json").read_text())
    circuit = Circuit.from_edges(Graph(spec), names)
    assert circuit.n_edges == n_edges
    assert set(circuit.edges()) == set(names)


def test_the_room_needs_no_torch_to_be_imported() -> None:
    for path in Path(edgewise.graph.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                assert not any(name.split(".")[0] in ("torch", "networkx") for name in names), path.name


@given(graphs())
def test_a_node_lies_where_its_name_says(graph: Graph) -> None:
    for row, name in enumerate(graph.sources):
        layer, head = graph.writer(row)
        expected = "input" if layer < 0 else f"m{layer}" if head is None else f"a{layer}.h{head}"
        assert name == expected
    for column, name in enumerate(graph.destinations):
        layer, is_mlp = graph.reader(column)
        place = "logits" if layer == graph.spec.n_layers else f"m{layer}" if is_mlp else f"a{layer}"
        assert name.split(".")[0] == place
