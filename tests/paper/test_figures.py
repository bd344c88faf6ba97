"""All figures on the demo model, made once: their files, and their data against what other routes say."""

from __future__ import annotations

import csv
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from edgewise import EdgeScores, evaluate_circuit, load_model, make_task, patch_edges, score_edges
from edgewise.cli.main import run
from edgewise.graph import Circuit
from edgewise.models import Model
from edgewise.paper import FIGURES
from edgewise.paper.interpolated import FAST_SHARES

pytestmark = pytest.mark.slow

MODEL = "demo"
N = 3
# Of `--fast`; thresholds at which ACDC has fewer edges to test.
SHORTER = {"edgewise.paper.material.FAST_N": N, "edgewise.paper.fig3.FAST_TAUS": (0.1, 0.3)}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures, made by whichever of the tests' processes comes first."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent / "paper" if parallel else tmp_path_factory.mktemp("paper")
    with FileLock(f"{folder}.lock"):
        if not (folder / "made").exists():
            with pytest.MonkeyPatch.context() as shorter:
                for name, value in SHORTER.items():
                    shorter.setattr(name, value)
                assert run(["paper", "all", "--model", MODEL, "--fast", "--out", str(folder)]) == 0
            (folder / "made").touch()
    return folder


@cache
def model() -> Model:
    return load_model(MODEL)


@cache
def scores(task: str) -> EdgeScores:
    found = score_edges(model(), make_task(task, model(), n=N), method="eap")
    assert isinstance(found, EdgeScores)
    return found


@cache
def span(task: str, split: str) -> float:
    """Clean - corrupted, as the evaluation of a circuit measures it."""
    prompts = make_task(task, model(), n=N, split=split)
    found = evaluate_circuit(model(), prompts, Circuit.empty(model().graph), curve=False)
    return found.full.metric - found.empty.metric


@cache
def true_edges(task: str) -> frozenset[str]:
    """Edges whose exact effect on held-out prompts is 2 % of clean - corrupted or more."""
    prompts = make_task(task, model(), n=N, split="held-out")
    effects = patch_edges(model(), prompts).values
    least = 0.02 * abs(span(task, "held-out"))
    return frozenset(name for i, j, name in model().graph.edges() if abs(effects[i, j]) >= least)


def data(out: Path, name: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return found


def table(out: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((out / f"{name}.csv").read_text().splitlines()))


@pytest.mark.parametrize("name", FIGURES)
def test_files_of_every_figure(out: Path, name: str) -> None:
    root = ET.fromstring((out / f"{name}.svg").read_text())
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    words = [item for item in root.iter() if item.tag.endswith("text") and "x" in item.attrib]
    assert words
    assert all(0 <= float(item.attrib["x"]) <= width for item in words)
    assert all(0 <= float(item.attrib["y"]) <= height for item in words)
    assert data(out, name)
    rows = table(out, name)
    assert rows
    assert all(None not in row and None not in row.values() for row in rows)
    page = (out / f"{name}.md").read_text()
    assert "odel `demo`" in page
    assert "Made with `--fast`" in page
    assert f"]({name}.svg)" in page
    for png in (f"{name}.png", f"{name}-dark.png"):
        assert (out / png).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(("name", "task"), [("fig4", "ioi"), ("fig8", "greater-than"), ("fig8", "docstring")])
def test_every_edge_is_counted_inside_or_outside(out: Path, name: str, task: str) -> None:
    said = data(out, name)[task]
    bars = said["histogram"]
    assert sum(bars["inside"]) + sum(bars["outside"]) + said["zero"] == model().graph.n_edges == said["edges"]
    rows = [row for row in table(out, name) if row["task"] == task]
    assert {row["edge"] for row in rows if row["in circuit"] == "1"} == true_edges(task)
    unit = span(task, "discovery") if task == "ioi" else 1.0
    ours = {row["edge"]: float(row["score"]) * unit for row in rows}
    expected = {name: float(scores(task).values[i, j]) for i, j, name in model().graph.edges()}
    assert ours == pytest.approx(expected, rel=1e-3, abs=2e-6 * max(map(abs, expected.values())))
    inside, outside = (
        [abs(value) for edge, value in expected.items() if (edge in true_edges(task)) == kept] for kept in (True, False)
    )
    wins = np.subtract.outer(inside, outside)
    assert said["auc"] == pytest.approx(((wins > 0) + 0.5 * (wins == 0)).mean(), abs=1e-3)


def test_curves_begin_as_eap_says_and_end_at_the_exact_effect(out: Path) -> None:
    prompts = make_task("docstring", model(), n=N)
    exact, estimated, graph = patch_edges(model(), prompts).values, scores("docstring").values, model().graph
    for name, n, size in (("fig5b", 5, np.abs(exact - estimated)), ("fig10", 10, np.abs(estimated))):
        curves = data(out, name)["edges"]
        assert sorted(curves) == sorted(edge for _, edge in sorted(zip(-size[graph.mask], _names(), strict=True))[:n])
        assert len(data(out, name)["shares"]) == FAST_SHARES
        for edge, curve in curves.items():
            assert curve["curve"][0] == pytest.approx(0, abs=1e-5)
            assert curve["curve"][-1] == pytest.approx(exact[graph.edge(edge)], abs=1e-4)
            assert curve["eap"] == pytest.approx(estimated[graph.edge(edge)], rel=1e-4)


@pytest.mark.parametrize("task", ["greater-than", "ioi", "docstring"])
def test_a_subnetwork_is_the_best_edges_as_many_as_are_true(out: Path, task: str) -> None:
    said, n = data(out, "fig7")[task], len(true_edges(task))
    kept = {row["edge"] for row in table(out, "fig7") if row["task"] == task}
    sizes = np.abs(scores(task).values[model().graph.mask])
    best = {edge for _, edge in sorted(zip(-sizes, _names(), strict=True))[:n]}
    assert kept == best
    assert (said["edges"], said["true edges"], said["true edges kept"]) == (n, n, len(best & true_edges(task)))
    assert said["threshold of the paper"] is False


def test_roles_part_the_true_edges(out: Path) -> None:
    rows, unit = table(out, "fig11"), span("ioi", "discovery")
    assert sorted(row["edge"] for row in rows) == sorted(true_edges("ioi"))
    for row in rows:
        source = row["edge"].partition("->")[0]
        layer = source[1:].partition(".")[0]
        kind = "MLP" if source.startswith("m") else "heads"
        assert row["role"] == ("input" if source == "input" else f"layer {layer}, {kind}")
        expected = float(scores("ioi").values[model().graph.edge(row["edge"])])
        assert float(row["score"]) * unit == pytest.approx(expected, rel=1e-3, abs=1e-5)
    roles = data(out, "fig11")["roles"]
    assert sum(role["edges"] for role in roles.values()) == len(rows)


def _names() -> list[str]:
    return [name for _, _, name in model().graph.edges()]
