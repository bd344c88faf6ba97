"""Figures of the models of the paper, with scores in place of runs that need the hub: classes, units, thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewise.graph import EdgeScores, Graph
from edgewise.paper import distribution, fig7, fig11
from edgewise.paper.figure import Made, Request
from edgewise.paper.material import Experiment
from edgewise.paper.store import page
from edgewise.report.picture.scene import Scene, Text
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.truth import Truth
from edgewise.runs.discover import discover
from edgewise.runs.store.folder import Run
from edgewise.tasks.known import find_known
from report import charts
from report.charts import laid_out

pytestmark = pytest.mark.slow

CLEAN, CORRUPTED = 3.0, 1.0


@pytest.fixture
def request_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """Scores by a draw; those of edges from negative name movers above zero, from others in the circuit below."""
    small = discover(RunConfig("demo", task="ioi", n=2), tmp_path / "run")

    def scored(one: Experiment, *_: object) -> Run:
        known = find_known(one.task, one.model)
        assert known is not None
        assert known.spec is not None
        graph = Graph(known.spec)
        values = np.random.default_rng(0).normal(0, 1e-3, graph.mask.shape)
        for place, edge in enumerate(known.edges):
            sign = 1 if known.role(edge) == "negative name mover" else -1
            values[graph.edge(edge)] = sign * (0.01 + 0.3 / (1 + place % 50))
        record = replace(
            small.record,
            config=replace(small.config, model=one.model, task=one.task),
            metric=replace(small.record.metric, clean=CLEAN, corrupted=CORRUPTED),
        )
        return Run(small.folder, record, EdgeScores(graph, values), small.circuit)

    def truth(one: Experiment, *_: object) -> Truth:
        known = find_known(one.task, one.model)
        assert known is not None
        assert known.spec is not None
        return Truth(known.on(Graph(known.spec)), "known", known.summary)

    for module in (distribution, fig7, fig11):
        monkeypatch.setattr(module, "scored", scored)
        monkeypatch.setattr(module, "truth", truth)
    return Request(tmp_path)


def test_roles_are_the_classes_with_backups_among_the_name_movers(request_of: Request) -> None:
    made = fig11.make(request_of)
    roles = made.data["roles"]
    assert list(roles) == [
        "name mover",
        "negative name mover",
        "s-inhibition",
        "induction",
        "duplicate token",
        "previous token",
        "input",
        "MLP",
    ]
    assert sum(role["edges"] for role in roles.values()) == 963
    role_of = {row[1]: row[0] for row in made.rows}
    assert role_of["a10.h10->logits"] == role_of["a9.h9->logits"] == "name mover"
    assert role_of["a10.h7->logits"] == "negative name mover"
    # in units of clean - corrupted
    assert roles["name mover"]["mean"] < 0 < roles["negative name mover"]["mean"]
    assert max(abs(float(row[2] or 0)) for row in made.rows) == pytest.approx(0.31 / (CLEAN - CORRUPTED))
    assert "name movers negative, negative name movers positive" in page(fig11.FIGURE, made)


def test_the_papers_thresholds_cut_at_the_papers_units(request_of: Request) -> None:
    made = fig7.make(request_of)
    assert {task: part["threshold"] for task, part in made.data.items()} == fig7.THRESHOLDS
    kept = {task: [row for row in made.rows if row[0] == task] for task in fig7.THRESHOLDS}
    # IOI: .077 of clean - corrupted, which is .154 of the metric: 0.01 + 0.3 / (1 + place) for place 0 and 1 of 50
    assert len(kept["ioi"]) == sum(place % 50 < 2 for place in range(963))
    assert len(kept["docstring"]) == sum(0.01 + 0.3 / (1 + place) >= 0.244 for place in range(24))
    assert len(kept["greater-than"]) == 235
    assert all(row[4] == 1 for row in made.rows)
    assert "| IOI: threshold | 0.077 | 0.077 |" in page(fig7.FIGURE, made)


def test_texts_stay_inside(request_of: Request) -> None:
    for made in _all(request_of):
        picture = made.picture
        if isinstance(picture, Scene):
            texts = [item for item in picture.items if isinstance(item, Text)]
            assert all(0 <= item.x <= picture.width and 0 <= item.y <= picture.height for item in texts)
        else:
            drawn = laid_out(picture)
            boxes = [text.get_window_extent() for text in charts.texts(drawn)]
            assert all(box.x0 >= 0 and box.x1 <= drawn.bbox.x1 and 0 <= box.y0 <= drawn.bbox.y1 for box in boxes)


def _all(request: Request) -> list[Made]:
    tasks = [Experiment("ioi", "IOI", "gpt2", 25, 33_367, normalised=True)]
    return [fig7.make(request), fig11.make(request), distribution.distributions(request, tasks, "Figure 4")]
