"""What is wrong with a circuit is said in one line, with what to try: numbers that hold."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edgewise.evaluation.result import Curve, Evaluation, Measured, Point
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.selection import top_n, top_nodes
from edgewise.runs.notes import notes

GRAPH = Graph(GraphSpec(n_layers=3, n_heads=3, d_model=12))


def leads_through(circuit: Circuit) -> bool:
    """By hand: walk from `input` along edge names, an edge into a head's q, k or v ending at the head."""
    edges = [name.split("->") for name in circuit.edges()]
    reached = {"input"}
    while True:
        more = {end.partition("<")[0] for start, end in edges if start in reached} - reached
        if not more:
            return "logits" in reached
        reached |= more


def scores(seed: int) -> EdgeScores:
    values = np.random.default_rng(seed).standard_normal(GRAPH.mask.shape)
    return EdgeScores(GRAPH, np.where(GRAPH.mask, values, np.nan))


def evaluation(faithfulness: float | None, points: tuple[Point, ...] = (), accuracy: float | None = 0.4) -> Evaluation:
    one = Measured(1.0, 0.1, 0.0, accuracy)
    curve = Curve("edges", "abs", points, None, None) if points else None
    return Evaluation(
        "logit-diff", "resample", 9, GRAPH.n_edges, 5, one, one, one, one, faithfulness, 0.04, 0.0, 0.0, curve, None,
        None, 3,
    )  # fmt: skip


def point(size: int, f: float, stderr: float | None = 0.01) -> Point:
    return Point(size / GRAPH.n_edges, size, size, f, f, stderr, None)


@pytest.mark.parametrize("seed", range(12))
def test_the_first_path_is_at_the_size_that_is_said(seed: int) -> None:
    found = scores(seed)
    first = next(n for n in range(1, GRAPH.n_edges + 1) if leads_through(top_n(found, n)))
    if first > 1:
        (said,) = notes(top_n(found, first - 1), found, "abs", "eap")
        assert said.startswith("no path of the circuit's edges leads from input to logits")
        assert f"the best {first} hold the first path (--top {first})" in said
    assert notes(top_n(found, first), found, "abs", "eap") == ()


def test_nodes_are_counted_where_they_were_scored() -> None:
    found = NodeScores(GRAPH, np.random.default_rng(1).standard_normal(GRAPH.n_sources))
    first = next(n for n in range(1, GRAPH.n_sources + 1) if leads_through(top_nodes(found, n)))
    assert first > 1
    (said,) = notes(top_nodes(found, first - 1), found, "abs", "eap")
    assert f"try more nodes: the best {first} hold the first path (--top {first})" in said


def test_a_circuit_of_a_file_or_of_a_search_is_told_no_option_that_it_has_not() -> None:
    empty = Circuit.empty(GRAPH)
    (of_file,) = notes(empty, None, "abs", None)
    assert "--" not in of_file
    (searched,) = notes(empty, scores(0), "abs", "acdc")
    assert "a lower threshold" in searched
    assert "--top" not in searched
    (gone,) = notes(empty, scores(0), "abs", "a-method-of-a-package-that-is-gone")
    assert "--exact" not in gone


def test_less_than_half_is_said_with_what_to_try() -> None:
    full, by = Circuit.full(GRAPH), scores(0)
    assert notes(full, by, "abs", "eap", evaluation(0.5)) == ()
    assert notes(full, by, "abs", "eap", evaluation(None)) == ()
    (said,) = notes(top_n(by, GRAPH.n_edges - 1), by, "abs", "eap-secant", evaluation(0.12))
    assert "keeps less than half of the behaviour (faithfulness 0.12, stderr 0.04)" in said
    for way in ("--top ", "--method eap-ig-inputs", "--exact ", "it answers 40 % of these right"):
        assert way in said
    (other,) = notes(full, by, "abs", "eap", evaluation(0.12, accuracy=0.95))
    assert "--method eap-secant" in other
    assert "prompts" not in other  # the model can do these


def test_without_a_path_one_size_is_named_and_nothing_more_is_said_of_what_is_kept() -> None:
    curve = (point(5, 0.0), point(50, 0.62), point(GRAPH.n_edges, 1.0))
    (said,) = notes(Circuit.empty(GRAPH), scores(0), "abs", "eap", evaluation(0.0, curve))
    assert said.startswith("no path")
    assert re.findall(r"--top \d+", said) == ["--top 50"]
    (said,) = notes(Circuit.empty(GRAPH), scores(0), "abs", "eap", evaluation(0.0))
    assert len(re.findall(r"--top \d+", said)) == 1


def test_how_many_edges_keep_half_is_read_off_the_curve() -> None:
    curve = (point(5, 0.1), point(20, 0.3), point(50, 0.62), point(GRAPH.n_edges, 1.0))
    (said,) = notes(Circuit.full(GRAPH), scores(0), "abs", "eap", evaluation(0.12, curve))
    assert "more edges: the best 50 keep 0.62 (--top 50)" in said


@pytest.mark.parametrize(
    ("curve", "fall"),
    [
        (((5, 0.1), (20, 0.7), (50, 0.3), (90, 0.6)), "from 0.70 with 20 to 0.30 with 50"),
        (((5, 0.5), (20, 0.4), (50, 0.3), (90, 0.2)), "from 0.50 with 5 to 0.20 with 90"),
        (((5, 0.1), (20, 0.7), (50, 0.68), (90, 0.9)), None),  # a fiftieth is nothing
        (((5, 0.1), (20, 1.4), (50, 1.2), (90, 1.0)), None),  # from above to the whole
    ],
)
def test_a_curve_that_falls_is_said(curve: tuple[tuple[int, float], ...], fall: str | None) -> None:
    points = tuple(point(*one) for one in curve)
    said = notes(Circuit.full(GRAPH), scores(0), "abs", "eap", evaluation(0.8, points))
    assert len(said) == (fall is not None)
    if fall is not None:
        assert f"faithfulness falls where edges are added, {fall}" in said[0]
        assert "another method (--method eap-secant), or --exact" in said[0]
    unsure = tuple(replace(one, stderr=0.5) for one in points)
    assert notes(Circuit.full(GRAPH), scores(0), "abs", "eap", evaluation(0.8, unsure)) == ()


def test_every_note_is_one_line() -> None:
    falling = (point(5, 0.4), point(20, 0.1), point(GRAPH.n_edges, 1.0))
    found = evaluation(0.0, falling)
    said = [
        line
        for one in (Circuit.empty(GRAPH), Circuit.full(GRAPH))
        for line in notes(one, scores(0), "abs", "eap", found)
    ]
    assert len(said) == 4
    assert not any(re.search(r"\n|  |\.$", line) for line in said)
