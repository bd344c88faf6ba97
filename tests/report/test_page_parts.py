"""What a page takes from a run's folder: all of it where it is whole, nothing where it is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from edgewise.report.contest.found import known_said
from edgewise.report.page.measured import curves, since
from edgewise.report.page.prompts import examples, prompts
from edgewise.report.page.ranked import Order
from edgewise.report.page.said import title_of
from edgewise.report.page.trace import MOST, trace
from edgewise.runs.contest import published
from edgewise.runs.contest.against import against
from edgewise.runs.contest.published import published_of
from edgewise.runs.store.examples import EXAMPLES
from edgewise.runs.store.folder import TRACE, Run
from edgewise.tasks.known import KnownCircuit
from report.conftest import make_run

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(folder=tmp_path)


def test_of_a_long_trace_all_that_kept_an_edge_and_some_others(run: Run) -> None:
    rng = np.random.default_rng(0)
    kept = rng.random(9000) < 0.01
    steps = [{"edge": f"e{i}", "before": i, "after": i + 0.5, "kept": bool(one)} for i, one in enumerate(kept)]
    (run.folder / TRACE).write_text("".join(json.dumps(step) + "\n" for step in steps))
    found = trace(run)
    assert found is not None
    assert found.total == 9000
    assert sum(found.kept) == int(kept.sum())
    assert int(kept.sum()) + MOST <= len(found.numbers) <= int(kept.sum()) + 1.5 * MOST
    assert list(found.numbers) == sorted(found.numbers)
    assert all(name == f"e{number - 1}" for name, number in zip(found.names, found.numbers, strict=True))
    assert found.after[-1] == pytest.approx(found.before[-1] + 0.5)


@pytest.mark.parametrize("text", ["{", "[]\n", '{"edge": "a"}\n', "\xff"])
def test_damaged_files_are_passed_over(run: Run, text: str) -> None:
    for name in (TRACE, EXAMPLES, "evaluation-resample.json", "sizes.json"):
        (run.folder / name).write_bytes(text.encode("latin-1"))
    assert trace(run) is None
    assert examples(run) is None
    assert curves(run, Order.of(run)) == ()
    shown = prompts(run, None)
    assert shown is not None
    assert (shown.rows, len(shown.shown)) == ((), 1)  # those that the record keeps


def test_a_published_circuit_stands_on_the_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of its edges are the run's, three are not; the overlap is 2 of 20 + 3."""
    assert "published circuit" not in dict(since(run))
    edges = (*run.circuit.edges()[:2], *run.circuit.complement().edges()[:3])
    nodes = {end.partition("<")[0] for edge in edges for end in edge.split("->")} - {"input", "logits"}
    both = len(nodes & set(run.circuit.nodes()))
    monkeypatch.setattr(published, "find_known", lambda task, model: KnownCircuit("known (here)", edges))
    exists = run.circuit.graph.mask
    true = [name in edges for name in run.circuit.graph.edge_names()]
    sizes = np.abs(run.scores.values)[exists]
    area, precision = roc_auc_score(true, sizes), average_precision_score(true, sizes)
    said = f"2 of 5 edges (overlap {2 / 23:.3f}), {both} of {len(nodes)} nodes, AUROC {area:.3f}"
    said += f", average precision {precision:.3f}"
    assert dict(since(run))["published circuit"] == f"{said}: the known (here)"
    known = published_of(run.config, run.circuit.graph.plain)
    assert known is not None
    assert list(known_said(against([run, run], known))) == [
        "against the known (here):",
        f"1: {said}",
        f"2: {said}",
        f"AUROC, average precision: of |score| over {len(true):,} edges, 5 of them known; by chance 0.5 and"
        f" {5 / len(true):.3f}",
    ]
    assert list(known_said(None)) == []


def test_a_model_in_a_file_is_called_by_its_name(run: Run) -> None:
    for model, name in (("/models/a.gguf", "a.gguf"), ("./mine", "mine"), ("org/model", "org/model"), ("gpt2", "gpt2")):
        record = replace(run.record, config=replace(run.config, model=model))
        assert title_of(record) == f"{name} on ioi"
