"""The picture of the scores: right counts, the cut where it is one, legible axes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.selection import greedy, top_n
from edgewise.report.charts.painted import chart_svg
from edgewise.report.charts.scores import scores_chart
from edgewise.report.charts.spread import histogram, spread_of
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import LIGHT
from edgewise.report.scenes import run_scores
from report.charts import panels, said
from report.conftest import SPECS, edge_scores, make_run

pytestmark = pytest.mark.slow

GRAPH = Graph(GraphSpec(1, 1, 4))
VALUES = np.array([[0.5, -0.25, 0.0, -2.0, 1.0], [0, 0, 0, 2.0, 0.0], [0, 0, 0, 0, -0.125]])
SCORES = EdgeScores(GRAPH, VALUES)
HEADING = Heading("Scores", (), "logit-diff")


def texts(scores: EdgeScores | NodeScores, circuit: Circuit) -> list[str]:
    return said(scores_chart(scores, circuit, HEADING))


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
    words = texts(SCORES, top_n(SCORES, 3))
    assert "3 of 8 edges in the circuit; 2 score exactly 0 and stand in neither figure" in words
    assert "|score|, logit-diff" in words
    assert "number of edges" in words


def test_bars_are_as_high_as_their_counts() -> None:
    scores = edge_scores(SPECS["gpt2"])
    circuit = top_n(scores, 300)
    bars, _ = panels(scores_chart(scores, circuit, HEADING))
    sizes = np.abs(scores.values[scores.graph.mask])
    inside = circuit.mask[scores.graph.mask]
    for colour, of in (("kept", sizes[inside]), ("other", sizes[~inside])):
        drawn = [bar for bar in bars.patches if to_hex(bar.get_facecolor()) == LIGHT[colour]]
        tops = {round(bar.get_y() + bar.get_height()) for bar in drawn}
        assert sum(round(bar.get_y() + bar.get_height()) for bar in drawn) == (of > 0).sum()
        # the fullest quarter of a power of ten, counted another way
        quarters = np.floor(4 * np.log10(of[of > 0])).astype(int)
        assert max(np.bincount(quarters - quarters.min())) == max(tops)


def test_bars_share_a_place_side_by_side() -> None:
    circuit = Circuit.from_edges(GRAPH, ["input->m0"])
    bars, _ = panels(scores_chart(SCORES, circuit, HEADING))
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars.patches if bar.get_width())
    assert all(end <= begin * (1 + 1e-9) for (_, end), (begin, _) in pairwise(spans))


def test_ranks_fall_and_the_circuits_are_marked() -> None:
    _, ranks = panels(scores_chart(SCORES, top_n(SCORES, 3), HEADING))
    curve, kept, *_ = ranks.lines
    assert list(curve.get_xdata()) == [1, 2, 3, 4, 5, 6]
    assert list(curve.get_ydata()) == [2.0, 2.0, 1.0, 0.5, 0.25, 0.125]
    assert (list(kept.get_xdata()), list(kept.get_ydata())) == ([1, 2, 3], [2.0, 2.0, 1.0])
    assert any(list(line.get_xdata()) == [3.5, 3.5] for line in ranks.lines)


@pytest.mark.parametrize("level", ["edge", "node"])
def test_stored_runs_of_every_shape(shape: str, level: str) -> None:
    run = make_run(shape, top=5, level=level)
    words = said(run_scores(run))
    assert words[0] == "Scores of tiny on ioi" or "Scores of tiny on ioi" in words
    counted = histogram(spread_of(run.scores, run.circuit))
    assert (
        sum(counted.kept) + sum(counted.others) == (np.abs(run.scores.values[~np.isnan(run.scores.values)]) > 0).sum()
    )


def test_scores_of_nothing_but_zeros() -> None:
    scores = EdgeScores(GRAPH, np.zeros_like(VALUES))
    words = texts(scores, top_n(scores, 2))
    assert "2 of 8 edges in the circuit; 8 score exactly 0 and stand in neither figure" in words
    assert panels(scores_chart(scores, Circuit.empty(GRAPH), HEADING)) == []


def test_one_score_alone() -> None:
    scores = EdgeScores(GRAPH, np.where(VALUES == 1.0, 1.0, 0.0))
    bars, ranks = panels(scores_chart(scores, top_n(scores, 1), HEADING))
    (bar,) = (bar for bar in bars.patches if bar.get_width())
    assert 1.0 <= bar.get_x() < bar.get_x() + bar.get_width() <= 10**0.25
    assert list(ranks.lines[0].get_ydata()) == [1.0]


def test_scores_too_small_for_the_axis_are_counted_at_its_beginning() -> None:
    values = VALUES.copy()
    values[0, 0] = 1e-14
    words = texts(EdgeScores(GRAPH, values), top_n(SCORES, 2))
    assert any(text.endswith("; 1 too small for the axis is in the first bar") for text in words)


def test_of_very_many_ranks_some_are_drawn() -> None:
    scores = edge_scores(SPECS["gpt2"])
    chart = scores_chart(scores, greedy(scores, 300), HEADING)
    _, ranks = panels(chart)
    line, kept = (of.get_xdata() for of in ranks.lines[:2])
    assert (line[0], line[-1]) == (1, (np.abs(scores.values[scores.graph.mask]) > 0).sum())
    assert len(line) <= 400
    assert len(kept) >= 250
    assert len(chart_svg(chart)) < 300_000  # 32,491 edges are not drawn one by one
