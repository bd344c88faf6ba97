"""A comparison of runs: its numbers are those of evaluations made one by one; found again, resumed, refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewise.errors import RunConflictError, RunError, UnknownNameError
from edgewise.evaluation import evaluate as evaluating
from edgewise.evaluation.evaluate import EvaluationState, evaluate_circuit
from edgewise.models import load_model
from edgewise.report.contest.comparison import show_comparison
from edgewise.runs.config import RunConfig
from edgewise.runs.contest import asked_circuit as asking
from edgewise.runs.contest import comparison as comparing
from edgewise.runs.contest import published
from edgewise.runs.contest.asked_circuit import known_of
from edgewise.runs.contest.comparison import compare
from edgewise.runs.contest.published import published_of
from edgewise.runs.discover import discover
from edgewise.runs.prompts import make_task
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import load_run
from edgewise.runs.store.results import write_files
from edgewise.settings.selection import Selection
from edgewise.tasks.known import KnownCircuit
from stored import contents

pytestmark = pytest.mark.slow

PLANTED = RunConfig(model="planted:0", task="planted", n=6, selection=Selection(top=20))
MADE = {
    "eap": PLANTED,
    "random": replace(PLANTED, method="random"),
    "acdc": replace(PLANTED, method="acdc", settings={"tau": 0.01}, selection=Selection()),
    "nodes": replace(PLANTED, level="node", selection=Selection(top=4), n=5),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("runs")
    for name, config in MADE.items():
        discover(config, home / name)
    return {name: home / name for name in MADE}


def test_numbers_are_those_of_each_run_alone(runs: dict[str, Path], tmp_path: Path) -> None:
    before = {name: contents(folder) for name, folder in runs.items()}
    stored = compare(list(runs.values()), tmp_path / "out", given={"n": 8}, random=2)
    found = stored.results
    model = load_model("planted:0")
    prompts = make_task("planted", model, n=8, split="held-out")
    assert (found.metric, found.edges, found.prompts.n) == ("logit-diff", model.graph.n_edges, 8)
    for row, folder in zip(found.runs, runs.values(), strict=True):
        run = load_run(folder)
        alone = evaluate_circuit(model, prompts, run.circuit, scores=run.scores, random=2)
        assert row.faithfulness == pytest.approx(alone.faithfulness)
        assert row.circuit_edges == run.circuit.n_edges
        assert row.passes.forward == run.record.passes.forward
        assert row.seconds == run.record.timing["scoring"]
        if alone.curve is None:
            assert (row.curve, row.cpr) == (None, None)
            assert "have no score" in row.no_curve
        else:
            assert row.cpr == pytest.approx(alone.curve.cpr)
            values = [point.faithfulness for point in alone.curve.points]
            assert [point.faithfulness for point in row.curve] == pytest.approx(values)
            assert [point.edges for point in row.curve] == [point.edges for point in alone.curve.points]
        if row.method == "eap" and row.level == "edge":
            of_random = [point.random.mean for point in alone.curve.points]
            assert [point.mean for point in found.random.curve] == pytest.approx(of_random)
    masks = [load_run(folder).circuit.mask for folder in runs.values()]
    assert found.overlap[0][1] == (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert [found.rank_correlation[i][i] for i in range(4)] == pytest.approx([1.0] * 4)
    assert found.rank_correlation[0][3] is None
    said = " ".join(found.notes)
    assert "found on different prompts (1: 6 of planted; 2: 6 of planted; 3: 6 of planted; 4: 5 of planted)" in said
    assert "found by different metrics (1: logit-diff; 2: logit-diff; 3: kl; 4: logit-diff)" in said
    assert "scores of edges and of nodes" in said
    # Nothing is written into the runs' own folders.
    assert {name: contents(folder) for name, folder in runs.items()} == before


def test_found_again_and_refused(runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, out = [runs["eap"], runs["random"]], tmp_path / "out"
    first = compare(pair, out, random=0)
    assert (first.reused, first.results.random) == (False, None)
    with monkeypatch.context() as patch:
        patch.setattr(comparing, "evaluate", None)
        assert compare(pair, out, random=0).reused
    with pytest.raises(RunConflictError, match=r"runs is .*eap.*random.* there, .*eap.*acdc.* here") as refused:
        compare([runs["eap"], runs["acdc"]], out, random=0)
    assert len(str(refused.value)) < 1500
    with pytest.raises(RunConflictError, match="random is 0 there, 1 here"):
        compare(pair, out, random=1)
    assert compare(pair, out, random=1, execution=Execution(overwrite=True)).results.random is not None
    written = write_files(out, {"comparison.svg": b"<svg/>"})
    assert written[0].read_bytes() == b"<svg/>"


def test_a_stopped_comparison_ends_with_the_same_bytes(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = [runs["eap"], runs["acdc"], runs["random"]]
    said: list[str] = []
    whole = compare(
        three, tmp_path / "whole", given={"batch_size": 2}, execution=Execution(report=lambda p: said.append(p.step))
    )
    assert any(step.startswith(f"2 of 3, {runs['acdc']}: evaluating") for step in said)
    assert sum("loading planted:0" in step for step in said) == 1
    real, states = evaluating.Evaluator.states, [0]

    def stopping(self: Any, **given: Any) -> Iterator[EvaluationState]:
        for state in real(self, **given):
            yield state
            states[0] += 1
            if states[0] in (3, 7, 12):
                raise KeyboardInterrupt

    out, stops = tmp_path / "stopped", 0
    with monkeypatch.context() as patch:
        patch.setattr(evaluating.Evaluator, "states", stopping)
        while True:
            try:
                last = compare(three, out, given={"batch_size": 2})
                break
            except KeyboardInterrupt:
                stops += 1
                assert not (out / "comparison.json").exists()
    assert stops >= 2
    assert last.path.read_bytes() == whole.path.read_bytes()
    assert sorted(p.name for p in out.rglob("*")) == sorted(p.name for p in (tmp_path / "whole").rglob("*"))
    json.loads(last.path.read_text())


def test_what_cannot_be_compared_is_refused(runs: dict[str, Path], config: RunConfig, tmp_path: Path) -> None:
    eap = runs["eap"]
    with pytest.raises(RunError, match="1 run folder given; give 2 to 12"):
        compare([eap], tmp_path / "out")
    with pytest.raises(RunError, match="given twice"):
        compare([eap, eap.parent / "." / "eap"], tmp_path / "out")
    with pytest.raises(RunError, match="is a run folder"):
        compare([eap, runs["random"]], eap)
    with pytest.raises(RunError, match="no such run folder"):
        compare([eap, tmp_path / "none"], tmp_path / "out")
    with pytest.raises(UnknownNameError, match="unknown metric"):
        compare([eap, runs["random"]], tmp_path / "out", given={"metric": "logit-dif"})
    discover(replace(PLANTED, trust_remote_code=True), tmp_path / "code")
    with pytest.raises(RunError, match="add --trust-remote-code to run it"):
        compare([eap, tmp_path / "code"], tmp_path / "out")
    assert compare([eap, tmp_path / "code"], tmp_path / "trusted", given={"trust_remote_code": True}).results
    discover(config, tmp_path / "tiny")
    with pytest.raises(RunError, match=r"whose graph has .* edges; .*eap is of planted:0"):
        compare([eap, tmp_path / "tiny"], tmp_path / "out")
    shutil.copytree(eap, tmp_path / "other")
    record = tmp_path / "other" / "run.json"
    said = json.loads(record.read_text())
    said["config"]["model"], said["identity"]["model"] = "planted:10", "0" * 64
    record.write_text(json.dumps(said))
    with pytest.raises(RunError, match=r"its model is 'planted:10', that of .*eap is 'planted:0'"):
        compare([eap, tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_are_held_against_what_is_published(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edges and nodes of both, counted here from names."""
    eap, acdc = (load_run(runs[name]).circuit for name in ("eap", "acdc"))
    edges = (*sorted(eap.edges())[:7], *[edge for edge in acdc.complement().edges() if edge not in eap][:5])
    for known in (KnownCircuit("known (here)", edges), KnownCircuit("known (here)", (), {"some": ("a0.h0", "m1")})):
        monkeypatch.setattr(published, "find_known", lambda task, model, known=known: known)
        monkeypatch.setattr(asking, "kind_of", lambda name: None)
        out = tmp_path / str(len(known.edges))
        found = compare([runs["eap"], runs["acdc"]], out, given={"n": 4}, random=0).results.known
        assert (found.circuit, found.edges) == ("the known (here)", len(known.edges))
        nodes = {end.partition("<")[0] for edge in edges for end in edge.split("->")} - {"input", "logits"}
        nodes = nodes if known.edges else {"a0.h0", "m1"}
        assert found.nodes == len(nodes)
        for row, circuit in zip(found.runs, (eap, acdc), strict=True):
            ends = {end.partition("<")[0] for edge in circuit.edges() for end in edge.split("->")}
            assert row.nodes == len(nodes & ends)
            both, either = set(circuit.edges()) & set(edges), set(circuit.edges()) | set(edges)
            expected = (len(both), pytest.approx(len(both) / len(either))) if known.edges else (None, None)
            assert (row.edges, row.overlap) == expected
        again = compare([runs["eap"], runs["acdc"]], out, given={"n": 4}, random=0)
        assert "Against the known (here)" in show_comparison(again)


def test_nothing_is_published_of_a_planted_model(runs: dict[str, Path]) -> None:
    """What it was built to do is known all the same."""
    run = load_run(runs["eap"])
    assert published_of(run.config, run.circuit.graph.plain) is None
    known = known_of(run)
    assert known is not None
    assert known.circuit == load_model("planted:0").circuit
