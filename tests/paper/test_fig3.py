"""Figure 3: made on a planted model by the command line, and what its files say of other models."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgewise.cli.main import run
from edgewise.evaluation.roc import curve, front
from edgewise.paper import FIGURES, fig3
from edgewise.paper.figure import Request
from edgewise.paper.material import EXPERIMENTS, base_config, experiments
from edgewise.paper.store import page
from edgewise.report.picture.palette import LIGHT
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.roc_result import Judged, RocLine, RocResult
from report.charts import panels

pytestmark = pytest.mark.slow

TRUTH = np.array([True, True, False, False, False])


def a_result(base: RunConfig, _: Path, methods: Sequence[str], **__: object) -> RocResult:
    """What a comparison would find, at once: two of five edges are true, EAP puts one of them third."""
    scores = Judged(curve([5.0, 3.0, 4.0, 2.0, 1.0], TRUTH))
    circuits = Judged(front([TRUTH, np.array([True, False, False, False, False])], TRUTH, ["tau 0.1", "tau 1"]))
    lines = tuple(
        RocLine(name, name, "kl", (name,), False, {"edge": circuits if name.startswith("acdc") else scores})
        for name in methods
    )
    known = ("x->y", "y->z")
    return RocResult(base.model, str(base.task), base.n or 0, "kl", "abs", "known", "known", None, 5, known, lines)


def test_on_a_planted_model_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["paper", "fig3", "--model", "planted:3", "--fast", "--out", str(tmp_path)]
    assert run(command) == 0
    first = capsys.readouterr().out
    assert first.endswith(f"Wrote {tmp_path / 'fig3.md'}\n")
    names = {"fig3.svg", "fig3.png", "fig3-dark.png", "fig3.json", "fig3.csv", "fig3.md"}
    assert {path.name for path in tmp_path.glob("fig3*.*")} == names
    ET.fromstring((tmp_path / "fig3.svg").read_text())
    data = json.loads((tmp_path / "fig3.json").read_text())["planted"]
    assert data["truth"] == "the planted circuit of planted:3"
    rows = list(csv.DictReader((tmp_path / "fig3.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == set(fig3.METHODS)
    exact = [row for row in rows if row["method"] == "activation-patching"]
    assert any((row["tpr"], row["fpr"]) == ("1.0", "0.0") for row in exact)
    said = (tmp_path / "fig3.md").read_text()
    assert "model `planted:3`" in said
    assert "--fast" in said
    assert "| Planted, activation patching: AUC | - | 1.000 |" in said
    # nothing is computed again, and the files are the same
    before = {path.name: path.read_bytes() for path in tmp_path.glob("fig3*.*")}
    runs = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    assert run(command) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("fig3*.*")} == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")} == runs


def test_the_papers_numbers_stand_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fig3, "roc", a_result)
    made = fig3.make(Request(tmp_path))
    ours = {one.what: one for one in made.published}
    # EAP: (0, .5), (1/3, .5), (1/3, 1), (1, 1)
    eap = ours["IOI, eap: AUC"]
    assert (eap.paper, eap.same_model) == (0.895, True)
    assert eap.ours == pytest.approx(1 / 3 * 0.5 + 2 / 3)
    assert ours["Docstring, acdc:kl: AUC, pessimistic"].paper == 0.982
    assert ours["Greater-Than, acdc:task: AUC"].paper is None
    text = page(fig3.FIGURE, made)
    assert "(*)" not in text
    assert "32,491" not in text  # this result has five edges
    assert "the paper counted 33,367" in text
    other = page(fig3.FIGURE, fig3.make(Request(tmp_path, "demo")))
    assert "| IOI, eap: AUC | 0.895 | 0.833 (*) |" in other
    assert "of another model than the paper's" in other
    assert "33,367" not in other


def test_three_panels_without_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fig3, "roc", a_result)
    drawn = panels(fig3.make(Request(tmp_path)).picture)
    assert [axes.get_title(loc="left") for axes in drawn] == [one.title for one in EXPERIMENTS]
    boxes = [axes.get_window_extent() for axes in drawn]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    # EAP's curve of these five edges, by hand; its colour is the first
    for axes in drawn:
        (eap,) = [line for line in axes.lines if line.get_color() == LIGHT["line-1"] and len(line.get_xdata())]
        assert list(eap.get_ydata()) == [0, 0.5, 0.5, 1, 1]


def test_the_papers_models_and_sizes(tmp_path: Path) -> None:
    configs = [base_config(one, Request(tmp_path)) for one in experiments(Request(tmp_path))]
    assert [(config.model, config.task, config.n) for config in configs] == [
        ("gpt2", "greater-than", 25),
        ("gpt2", "ioi", 25),
        ("attn-only-4l", "docstring", 40),
    ]
    fast = [base_config(one, Request(tmp_path, "demo", True)) for one in experiments(Request(tmp_path, "demo"))]
    assert {config.model for config in fast} == {"demo"}
    assert max(config.n or 0 for config in fast) < 10


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["paper", "list"]) == 0
    said = capsys.readouterr().out
    for name in FIGURES:
        assert f"{name} " in said
        assert FIGURES.load(name).summary in said
    assert run(["paper", "fig33"]) == 2
    assert "unknown figure 'fig33'; did you mean 'fig3'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", FIGURES)
def test_every_row_is_a_figure(name: str) -> None:
    figure = FIGURES.load(name)
    assert figure.name == name
    assert figure.summary
    assert callable(figure.make)
