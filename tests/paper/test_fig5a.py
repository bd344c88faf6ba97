"""Figure 5a on a planted model: every edge, its exact effect, and the regression that scipy finds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import linregress

from edgewise.cli.main import run
from edgewise.graph import Graph
from edgewise.models import load_model
from edgewise.paper.fig3 import FAST_TAUS
from edgewise.runs.store.folder import load_run

pytestmark = pytest.mark.slow


def test_on_a_planted_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["paper", "fig5a", "--model", "planted:3", "--fast", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    rows = list(csv.DictReader((tmp_path / "fig5a.csv").read_text().splitlines()))
    model = load_model("planted:3")
    graph: Graph = model.graph
    assert [row["edge"] for row in rows] == [name for _, _, name in graph.edges()]
    scores, exact = (np.array([float(row[name]) for row in rows]) for name in ("eap", "exact effect"))
    # exact: an effect for exactly the planted edges
    assert model.circuit is not None
    assert {row["edge"] for row, effect in zip(rows, exact, strict=True) if abs(effect) > 0.05} == set(
        model.circuit.edges()
    )
    fit = linregress(scores, exact)
    said = json.loads((tmp_path / "fig5a.json").read_text())["agreement"]
    assert said["r2"]["value"] == pytest.approx(fit.rvalue**2, abs=1e-9)
    assert said["slope"]["value"] == pytest.approx(fit.slope, abs=1e-9)
    assert f"| R squared | 0.270 | {fit.rvalue**2:.3f} (*) |" in (tmp_path / "fig5a.md").read_text()


def test_runs_are_shared_with_figure_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--model", "planted:3", "--fast", "--out", str(tmp_path)]
    assert run(["paper", "fig5a", *command]) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    assert {load_run(path.parent).config.method for path in before} == {"eap", "activation-patching"}
    assert run(["paper", "fig3", *command]) == 0
    capsys.readouterr()
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    assert {path: after[path] for path in before} == before
    assert len(after) == 2 + 2 * len(FAST_TAUS)  # and two kinds of ACDC
