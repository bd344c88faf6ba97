"""The picture of the scores: right counts, the cut where it is one, legible axes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.selection import greedy, top_n
from edgewise.report.picture.axes import Log
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.png import png
from edgewise.report.picture.scene import Shape, Text
from edgewise.report.picture.scores import scores_scene, spread_of
from edgewise.report.picture.svg import svg
from edgewise.report.scenes import run_scores
from report.conftest import SPECS, edge_scores, make_run

pytestmark = pytest.mark.slow

GRAPH = Graph(GraphSpec(1, 1, 4))
VALUES = np.array([[0.5, -0.25, 0.0, -2.0, 1.0], [0, 0, 0, 2.0, 0.0], [0, 0, 0, 0, -0.125]])
SCORES = EdgeScores(GRAPH, VALUES)
HEADING = Heading("Scores", (), "logit-diff")


def texts(scores: EdgeScores | NodeScores, circuit: Circuit) -> list[str]:
    return [item.text for item in scores_scene(scores, circuit, HEADING).items if isinstance(item, Text)]


def test_sizes_come_in_order_with_what_is_kept() -> None:
    spread = spread_of(SCORES, top_n(SCORES, 3))
    assert spread.sizes.tolist() == [2.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.0, 0.0]
    assert spread.kept.tolist() == [True] * 3 + [False] * 5
    assert spread.zeros == 2
    assert spread.is_cut


def test_a_circuit_that_is_no_cut_has_no_line_at_the_cut() -> None:
    circuit = Circuit.from_edges(GRAPH, ["input->m0", "input->a0.h0<k>"])
    assert not spread_of(SCORES, circuit).is_cut
    assert not any("are kept" in text for text in texts(SCORES, circuit))
    assert "the first 3 are kept" in texts(SCORES, top_n(SCORES, 3))
    # A tie that the circuit splits is a cut all the same.
    assert spread_of(SCORES, Circuit.from_edges(GRAPH, ["a0.h0->m0"])).is_cut


def test_zeros_and_counts_are_said() -> None:
    said = texts(SCORES, top_n(SCORES, 3))
    assert "3 of 8 edges in the circuit; 2 score exactly 0 and stand in neither figure" in said
    assert "|score|, logit-diff" in said
    assert "number of edges" in said


def test_bars_are_as_high_as_their_counts() -> None:
    scores = edge_scores(SPECS["gpt2"])
    scene = scores_scene(scores, top_n(scores, 300), HEADING)
    squares = [
        item
        for item in scene.items
        if isinstance(item, Shape) and item.fill in ("kept", "other") and item.commands[-1][0] == "Z"
    ]
    bars = [item for item in squares if len(item.commands) == 5]
    ground = max(y for item in bars for _, numbers in item.commands for y in numbers[1::2])
    tops = {colour: [item.commands[0][1][1] for item in bars if item.fill == colour] for colour in ("kept", "other")}
    axis = Log(0.7, 1.0, ground, 0, "")
    assert axis.at(0.7) == ground
    assert len(tops["kept"]) < len(tops["other"])
    assert min(tops["other"]) < min(tops["kept"]) < ground  # more others than kept in the fullest bar


@pytest.mark.parametrize("level", ["edge", "node"])
def test_stored_runs_of_every_shape(shape: str, level: str) -> None:
    scene = run_scores(make_run(shape, top=5, level=level))
    root = ET.fromstring(svg(scene).encode())
    assert "Scores of tiny on ioi" in svg(scene)
    assert len(list(root)) > 30
    assert png(scene) == png(run_scores(make_run(shape, top=5, level=level)))


def test_scores_of_nothing_but_zeros() -> None:
    scores = EdgeScores(GRAPH, np.zeros_like(VALUES))
    said = texts(scores, top_n(scores, 2))
    assert "2 of 8 edges in the circuit; 8 score exactly 0 and stand in neither figure" in said
    assert svg(scores_scene(scores, Circuit.empty(GRAPH), HEADING))


def test_one_score_alone() -> None:
    scores = EdgeScores(GRAPH, np.where(VALUES == 1.0, 1.0, 0.0))
    assert png(scores_scene(scores, top_n(scores, 1), HEADING))


def test_scores_too_small_for_the_axis_are_counted_at_its_beginning() -> None:
    values = VALUES.copy()
    values[0, 0] = 1e-14
    said = texts(EdgeScores(GRAPH, values), top_n(SCORES, 2))
    assert any(text.endswith("; 1 too small for the axis is in the first bar") for text in said)


def test_greedy_circuits_are_drawn() -> None:
    scores = edge_scores(SPECS["gpt2"])
    text = svg(scores_scene(scores, greedy(scores, 300), HEADING))
    assert text.count("f-kept") >= 300
    assert len(text) < 300_000  # 32,491 edges are not drawn one by one


def test_axes_count_in_powers_of_ten() -> None:
    axis = Log(1e-5, 1e3, 100, 500, "size")
    assert axis.at(1e-5) == 100
    assert axis.at(1e3) == 500
    assert axis.at(0.1) == pytest.approx(300)
    assert axis.at(0.0001) < axis.at(0.001)
    assert axis.at(1e9) == 500
    assert [label for _, label in axis.ticks()][:5] == ["10⁻⁵", "10⁻³", "0.1", "10", "1,000"]
    assert [label for _, label in Log(0.7, 12, 0, 1, "").ticks()] == ["1", "2", "5", "10"]
