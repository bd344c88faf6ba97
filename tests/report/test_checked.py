"""Exact effects and estimates are told apart wherever a run with some of both is shown."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec
from edgewise.graph.views import to_dot, to_networkx
from edgewise.report.charts.spread import histogram, spread_of
from edgewise.report.document import run_document
from edgewise.report.page.page import page
from edgewise.report.picture.glyphs import PALE
from edgewise.report.picture.png import png
from edgewise.report.picture.scene import Shape, Text
from edgewise.report.picture.svg import svg
from edgewise.report.scenes import run_circuit, run_scores
from edgewise.report.text import show_run
from edgewise.runs.store.folder import Run
from report import charts
from report.conftest import make_checked_run, make_run
from shown_page import document

pytestmark = pytest.mark.slow

LEVELS = ("edge", "node")


def drawn(run: Run) -> tuple[Shape, ...]:
    return tuple(item for item in run_circuit(run).items if isinstance(item, Shape))


def said(run: Run) -> str:
    return " | ".join(item.text for item in run_circuit(run).items if isinstance(item, Text))


@pytest.mark.parametrize("level", LEVELS)
def test_text_says_of_each_row_what_it_is(level: str) -> None:
    run = make_checked_run(level=level, n=8, top=10)
    text = show_run(run, top=1000)
    n = int(np.isfinite(run.scores.values).sum())
    assert f"exact effects: 8 of {n} {level}s, by max(|score|, |score - secant|)" in text
    assert "estimate (eap) and exact agree with Pearson r 0.75, Spearman 0.50 on these; same sign: 96%" in text
    rows = [line.split() for line in text.splitlines() if re.match(r" *\d+ ", line)]
    kinds = {row[1]: row[5] for row in rows}
    assert set(kinds.values()) == {"exact", "estimate"}
    assert sum(kind == "exact" for kind in kinds.values()) == 8
    assert all((row[4] == row[2]) == (kinds[row[1]] == "estimate") for row in rows if float(row[2]))
    plain = show_run(make_run(level=level))
    assert "exact" not in plain
    assert "estimate" not in plain


@pytest.mark.parametrize("level", LEVELS)
def test_the_document_holds_both(level: str) -> None:
    run = make_checked_run(level=level, n=8)
    document = run_document(run, top=1000)
    rows = document[f"{level}s"]
    assert sum(row["verified"] for row in rows) == 8
    assert all(row["estimated"] == row["score"] / (2 if row["verified"] else 1) for row in rows)
    assert document["run"]["exact"]["measured"] == 8
    row = run_document(make_run(level=level))[f"{level}s"][0]
    assert (row["verified"], row["estimated"]) == (None, None)


@pytest.mark.parametrize("level", LEVELS)
def test_the_page_says_it_in_words_and_of_each(level: str) -> None:
    (found,) = document(page(make_checked_run(level=level, n=8)))["runs"]
    assert sum(found["ranked"]["exact"]) == 8
    assert "Exact effects: 8 of" in "".join(found["reading"])
    assert "--exact 8" in found["command"]
    (plain,) = document(page(make_run(level=level)))["runs"]
    assert plain["ranked"]["exact"] is None
    assert "--exact" not in plain["command"]


def test_edges_of_a_circuit_are_pale_or_marked(shape: str) -> None:
    run = make_checked_run(shape, n=30, top=60)
    edges = [item for item in drawn(run) if item.role == "edge"]
    exact = {item.title.split("  ")[0] for item in edges if item.title.endswith("(exact)")}
    pale = {item.title.split("  ")[0] for item in edges if item.title.endswith("(estimate)")}
    assert exact | pale == set(run.circuit.edges())
    graph, verified = run.scores.graph, run.scores.verified
    assert exact == {name for name in run.circuit.edges() if verified[graph.edge(name)]}
    assert {item.opacity for item in edges if item.title.endswith("(estimate)")} == {PALE}
    assert {item.opacity for item in edges if item.title.endswith("(exact)")} == {0.85}
    marks = [item for item in drawn(run) if item.stroke == "paper" and item.fill in ("helps", "harms", "plain")]
    assert len(marks) == len(exact) + 1  # and one in the legend
    assert "pale: score is an estimate" in said(run)
    assert "score = change of logit-diff" in said(run)
    assert f"30 of {graph.n_edges:,} scores exact" in said(run)
    ET.fromstring(svg(run_circuit(run)).encode())
    assert png(run_circuit(run)) == png(run_circuit(make_checked_run(shape, n=30, top=60)))


def test_nodes_have_heavy_outlines() -> None:
    run = make_checked_run(level="node", n=5, top=12)
    nodes = [item for item in drawn(run) if item.role == "node" and item.title]
    heavy = {item.title.split(",")[0] for item in nodes if item.stroke == "ink"}
    names = {item.title.split(",")[0] for item in nodes}
    verified = dict(zip(run.scores.graph.sources, run.scores.verified.tolist(), strict=True))
    assert heavy == {name for name in names if verified.get(name)}
    assert 0 < len(heavy) < len(names)
    assert "heavy outline: score is exact" in said(run)


@pytest.mark.parametrize("level", LEVELS)
def test_the_scores_show_how_many_are_exact_and_where(level: str) -> None:
    run = make_checked_run(level=level, n=9, top=10)
    spread = spread_of(run.scores, run.circuit)
    assert spread.exact.sum() == 9
    positive = int((np.abs(run.scores.values[run.scores.verified]) > 0).sum())
    counted = histogram(spread)
    assert sum(counted.exact) == positive
    assert all(
        exact <= kept + others for exact, kept, others in zip(counted.exact, counted.kept, counted.others, strict=True)
    )
    bars, ranks = charts.panels(run_scores(run))
    levels = [line.get_ydata()[0] for line in bars.lines]
    assert levels == [n for n in counted.exact if n]
    assert diamonds(ranks) == positive
    assert any("9 scores are exact effects, the others estimates" in words for words in charts.said(run_scores(run)))
    without = run_scores(replace(run, scores=replace(run.scores, verified=None, estimated=None)))
    bars, ranks = charts.panels(without)
    assert not bars.lines
    assert diamonds(ranks) == 0


def diamonds(axes: Axes) -> int:
    return sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "D")


def test_other_formats_tell_them_apart() -> None:
    graph = Graph(GraphSpec(1, 1, 4))
    values = np.ones(graph.mask.shape)
    verified = np.zeros(values.shape, dtype=np.bool_)
    verified[graph.edge("input->m0")] = True
    scores = EdgeScores(graph, values, verified=verified, estimated=values)
    circuit = Circuit.from_edges(graph, ["input->m0", "m0->logits"])
    lines = {line.split("[")[0].strip(): line for line in to_dot(circuit, scores).splitlines() if "->" in line}
    assert "dashed" not in lines['"input" -> "m0"']
    assert "style=dashed" in lines['"m0" -> "logits"']
    edges = to_networkx(circuit, scores).edges
    assert (edges["input", "m0"]["exact"], edges["m0", "logits"]["exact"]) == (True, False)
    assert "exact" not in to_networkx(circuit, EdgeScores(graph, values)).edges["input", "m0"]
