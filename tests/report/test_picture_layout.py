"""The geometry of a picture: nothing overlaps, everything rises, every edge is there."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewise.graph import Circuit, EdgeScores
from edgewise.graph.selection import top_n
from edgewise.report.picture.choice import Choice, choose
from edgewise.report.picture.layout import Layout, Node, lay_out
from edgewise.report.picture.ordering import crossings, order
from edgewise.report.picture.skeleton import layer, skeleton
from graph.strategies import circuits
from report.conftest import SPECS, edge_scores

pytestmark = pytest.mark.slow


def choice(shape: str, n: int) -> Choice:
    scores = edge_scores(SPECS[shape])
    return choose(top_n(scores, n), scores)


@pytest.fixture(params=[0, 1, 20, 120])
def drawn(request: pytest.FixtureRequest, shape: str) -> tuple[Choice, Layout]:
    chosen = choice(shape, request.param)
    return chosen, lay_out(chosen)


def overlap(one: Node, other: Node) -> bool:
    across = abs(one.x - other.x) < (one.width + other.width) / 2
    return across and one.top < other.bottom and other.top < one.bottom


def check_geometry(chosen: Choice, layout: Layout) -> None:
    """What must hold of every picture."""
    nodes = {node.name: node for node in layout.nodes}
    assert not [(a.name, b.name) for a, b in combinations(layout.nodes, 2) if overlap(a, b)]
    for node in layout.nodes:
        assert node.x - node.width / 2 >= -1e-6
        assert node.x + node.width / 2 <= layout.width + 1e-6
        assert node.top >= -1e-6
        assert node.bottom <= layout.height + 1e-6
    assert [line.edge for line in layout.lines] == list(chosen.edges)
    for line in layout.lines:
        (x, y), (to_x, to_y) = line.points[0], line.points[-1]
        source, goal = nodes[line.edge.source], nodes[line.edge.node]
        assert y == pytest.approx(source.top)
        assert abs(x - source.x) <= source.width / 2
        assert to_y == pytest.approx(goal.bottom)
        assert abs(to_x - goal.x) <= goal.width / 2
        assert all(later <= earlier + 1e-9 for (_, earlier), (_, later) in pairwise(line.points))


def check_no_line_through_a_node(layout: Layout) -> None:
    """Lines bend between rows only, and their straight pieces keep clear of every box."""
    for line in layout.lines:
        ends = {line.edge.source, line.edge.node}
        for (x, low), (other_x, high) in zip(line.points[1::2], line.points[2::2], strict=False):
            assert x == other_x
            for node in layout.nodes:
                if node.name not in ends and node.top < low and high < node.bottom:
                    assert abs(x - node.x) >= node.width / 2 + line.width / 2, (line.edge.name, node.name)


def check_no_bend_beside_a_node(layout: Layout) -> None:
    for line in layout.lines:
        for (x, low), (other_x, high) in zip(line.points[::2], line.points[1::2], strict=False):
            for node in layout.nodes:
                if x != other_x and node.name not in (line.edge.source, line.edge.node):
                    assert node.top >= low - 1e-6 or node.bottom <= high + 1e-6, (line.edge.name, node.name)


def test_geometry(drawn: tuple[Choice, Layout]) -> None:
    check_geometry(*drawn)
    check_no_line_through_a_node(drawn[1])
    check_no_bend_beside_a_node(drawn[1])


@settings(max_examples=40)
@given(circuits(), st.integers(0, 2**32 - 1))
def test_geometry_of_any_circuit(circuit: Circuit, seed: int) -> None:
    scores = EdgeScores(circuit.graph, np.random.default_rng(seed).normal(size=circuit.mask.shape))
    chosen = choose(circuit, scores)
    layout = lay_out(chosen)
    check_geometry(chosen, layout)
    check_no_line_through_a_node(layout)
    check_no_bend_beside_a_node(layout)


def test_300_edges_of_gpt2() -> None:
    chosen = choice("gpt2", 300)
    layout = lay_out(chosen)
    check_geometry(chosen, layout)
    check_no_line_through_a_node(layout)
    assert layout.width < 2500
    assert layout.height < 4000


def test_the_layers_rise_from_input_to_logits(drawn: tuple[Choice, Layout]) -> None:
    nodes = {node.name: node for node in drawn[1].nodes}
    inner = sorted((node for node in nodes.values() if node.layer is not None), key=lambda node: node.row)
    for lower, upper in pairwise(inner):
        assert (lower.layer or 0) <= (upper.layer or 0)
        assert upper.y <= lower.y
    assert all(nodes["logits"].bottom < node.top for node in inner)
    assert all(nodes["input"].top > node.bottom for node in inner)


def test_only_the_circuits_nodes_are_drawn(drawn: tuple[Choice, Layout]) -> None:
    chosen, layout = drawn
    circuit = Circuit.from_edges(chosen.graph, [edge.name for edge in chosen.edges])
    names = [node.name for node in layout.nodes if node.kind != "kv"]
    assert len(set(names)) == len(names)
    assert set(names) <= {*circuit.nodes(), "input", "logits"}
    if not chosen.graph.spec.is_grouped:
        assert set(names) == {*circuit.nodes(), "input", "logits"}


def test_inputs_of_heads_say_which_are_used() -> None:
    graph = edge_scores(SPECS["sequential"]).graph
    chosen = choose(Circuit.from_edges(graph, ["input->a0.h1<k>", "a0.h1->a2.h0<q>", "m0->a2.h0<v>"]))
    ports = {node.name: dict(node.ports) for node in lay_out(chosen).nodes}
    assert ports["a0.h1"] == {"q": False, "k": True, "v": False}
    assert ports["a2.h0"] == {"q": True, "k": False, "v": True}
    assert ports["m0"] == ports["input"] == ports["logits"] == {}
    lines = {line.edge.letter: line.points[-1][0] for line in lay_out(chosen).lines if line.edge.node == "a2.h0"}
    assert lines["q"] < lines["v"]


def test_a_shared_key_value_head_stands_below_the_heads_that_have_edges() -> None:
    graph = edge_scores(SPECS["grouped"]).graph  # heads 0 to 3 read a1.kv0
    chosen = choose(Circuit.from_edges(graph, ["input->a1.kv0<v>", "a1.h2->logits", "m0->a1.h3<q>", "input->m0"]))
    layout = lay_out(chosen)
    nodes = {node.name: node for node in layout.nodes}
    assert {"a1.kv0", "a1.h2", "a1.h3"} <= set(nodes)
    assert "a1.h0" not in nodes  # it reads the value, but nothing else of it is in the circuit
    assert nodes["a1.kv0"].top > nodes["a1.h2"].bottom
    assert dict(nodes["a1.kv0"].ports) == {"k": False, "v": True}
    assert dict(nodes["a1.h3"].ports) == {"q": True}
    assert len(layout.shared) == 2
    for (x, _), _ in layout.shared:
        assert x == nodes["a1.kv0"].x


def test_an_mlp_beside_its_heads_only_in_parallel_blocks() -> None:
    names = ["input->a1.h0<q>", "input->m1", "a1.h0->logits", "m1->logits"]
    for shape, same in (("parallel", True), ("sequential", False)):
        graph = edge_scores(SPECS[shape]).graph
        nodes = {node.name: node for node in lay_out(choose(Circuit.from_edges(graph, names))).nodes}
        assert (nodes["m1"].y == nodes["a1.h0"].y) is same


def test_width_grows_with_the_score() -> None:
    lines = lay_out(choice("sequential", 60)).lines
    ordered = sorted(lines, key=lambda line: abs(line.edge.score or 0))
    assert all(weak.width < strong.width for weak, strong in pairwise(ordered))


def test_the_same_choice_gives_the_same_layout(shape: str) -> None:
    assert lay_out(choice(shape, 60)) == lay_out(choice(shape, 60))


def test_ordering_removes_crossings() -> None:
    bones = skeleton(choice("gpt2", 100))
    assert crossings(bones, order(bones)) < 0.5 * crossings(bones, bones.rows)
    assert [sorted(row) for row in order(bones)] == [sorted(row) for row in bones.rows]


def test_layers_of_names() -> None:
    assert [layer(name) for name in ("input", "a3.h7", "a10.kv0", "m11", "logits")] == [None, 3, 10, 11, None]
