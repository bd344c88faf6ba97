"""Several thresholds in one command: every run is what it would be alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewise import load_model, make_task, score_edges
from edgewise.errors import RunConflictError, RunError, SettingError
from edgewise.graph import Circuit
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.sweep import grid, sweep
from edgewise.runs.discover import discover
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.checkpoint import PROGRESS, Saver
from edgewise.search.acdc.search import acdc
from stopping import past_half, stopped

pytestmark = pytest.mark.slow

FILES = ("circuit.json", "scores.safetensors", "trace.jsonl")
BOTH = RunConfig("planted:1", task="planted", n=4, method="eap-acdc", metric="logit-diff")


def test_runs_of_a_grid_are_those_of_single_commands(tmp_path: Path) -> None:
    configs = grid(BOTH, {"eap_threshold": (1e-6, 0.3), "tau": (0.0001, 0.1)})
    assert list(configs)[1] == "eap-threshold-1e-06-tau-0.1"
    runs = sweep(configs, tmp_path / "all")
    assert not any(run.reused for run in runs)
    for name, config in configs.items():
        alone = discover(config, tmp_path / name)
        both = [(folder / name / file for file in FILES) for folder in (tmp_path, tmp_path / "all")]
        assert [path.read_bytes() for path in both[0]] == [path.read_bytes() for path in both[1]]
        assert alone.record.rule == next(run for run in runs if run.folder.name == name).record.rule
    table = json.loads((tmp_path / "all" / "sweep.json").read_text())["runs"]
    assert [row["edges"] for row in table] == [run.circuit.n_edges for run in runs]
    before = (tmp_path / "all" / "sweep.json").read_bytes()
    more = sweep(grid(BOTH, {"eap_threshold": (1e-6, 0.3), "tau": (0.0001, 0.1, 1.0)}), tmp_path / "all")
    assert [run.reused for run in more] == [True, True, False] * 2, "what is there is kept"
    again = sweep(configs, tmp_path / "all")
    assert all(run.reused for run in again)
    assert (tmp_path / "all" / "sweep.json").read_bytes() == before


def test_acdc_is_left_what_eap_scores_high(tmp_path: Path) -> None:
    model = load_model("planted:1")
    prompts = make_task("planted", model, n=4)
    scores = score_edges(model, prompts, metric="logit-diff", method="eap")
    run = discover(replace(BOTH, settings={"eap_threshold": 0.3, "tau": 0.05}), tmp_path / "run")
    left = abs(scores.values) >= 0.3
    assert 0 < left.sum() < model.graph.n_edges
    tested = {json.loads(line)["edge"] for line in (tmp_path / "run" / "trace.jsonl").read_text().splitlines()}
    assert tested <= {name for i, j, name in model.graph.edges() if left[i, j]}
    expected = acdc(model, prompts, 0.05, metric="logit-diff", start=Circuit(model.graph, left))
    assert (run.circuit.mask == expected.circuit().mask).all()


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"--tau 0\.1 is given twice"):
        grid(BOTH, {"tau": (0.1, 0.2, 0.1)})
    with pytest.raises(SettingError, match="--eap-threshold and --eap-top given; give one"):
        sweep(grid(BOTH, {"eap_threshold": (0.1, 0.2), "eap_top": (4,), "tau": (0.1,)}), tmp_path / "a")
    single = replace(BOTH, settings={"eap_top": 9, "tau": 0.1})
    discover(single, tmp_path / "b")
    with pytest.raises(RunConflictError, match="holds a single run"):
        sweep(grid(single, {"tau": (0.1, 0.2)}), tmp_path / "b")


def test_a_share_of_the_edges_is_so_many(tmp_path: Path) -> None:
    share = discover(replace(BOTH, settings={"eap_fraction": 0.1, "tau": 0.05}), tmp_path / "share")
    n = int(0.1 * share.scores.graph.n_edges)
    number = discover(replace(BOTH, settings={"eap_top": n, "tau": 0.05}), tmp_path / "number")
    assert (share.folder / "trace.jsonl").read_bytes() == (number.folder / "trace.jsonl").read_bytes()
    assert share.record.rule.startswith("of the best 10 % by |EAP|, ")
    for wrong in (0.0, 1.5):
        with pytest.raises(SettingError, match="above 0 and at most 1"):
            discover(replace(BOTH, settings={"eap_fraction": wrong, "tau": 0.05}), tmp_path / "no")
    with pytest.raises(SettingError, match="none of --eap-threshold, --eap-top and --eap-fraction"):
        discover(replace(BOTH, settings={"tau": 0.05}), tmp_path / "no")


class AlwaysSaving(Saver):
    """Stores every state."""

    def offer(self, state: Any) -> None:
        self.save(state)


def test_runs_finished_since_are_kept_and_the_rest_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = grid(replace(BOTH, method="acdc"), {"tau": (0.0001, 0.1)})
    monkeypatch.setattr(resume, "Saver", AlwaysSaving)
    seen = stopped(lambda execution: sweep(configs, tmp_path / "s", execution), past_half)
    discover(configs["tau-0.1"], tmp_path / "s" / "tau-0.1")
    left = list[Progress]()
    runs = sweep(configs, tmp_path / "s", Execution(report=left.append))
    assert [run.reused for run in runs] == [False, True]
    assert min(one.done for one in left if one.total) >= seen[-2].done > 0
    for name, config in configs.items():
        discover(config, tmp_path / name)
        assert all(
            (tmp_path / name / file).read_bytes() == (tmp_path / "s" / name / file).read_bytes() for file in FILES
        )
    assert not (tmp_path / "s" / PROGRESS).exists()


def test_a_state_of_fewer_runs_does_not_stand_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "Saver", AlwaysSaving)
    config = replace(BOTH, method="acdc")
    one = grid(config, {"tau": (0.0001,)})
    stopped(lambda execution: sweep(one, tmp_path / "s", execution), past_half)
    assert (tmp_path / "s" / PROGRESS).exists()
    runs = sweep(grid(config, {"tau": (0.0001, 0.1)}), tmp_path / "s")
    assert [run.config.settings["tau"] for run in runs] == [0.0001, 0.1]


def test_a_state_of_more_runs_than_are_asked_for_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "Saver", AlwaysSaving)
    configs = grid(replace(BOTH, method="acdc"), {"tau": (0.0001, 0.1)})
    stopped(lambda execution: sweep(configs, tmp_path / "s", execution), past_half)
    seen = list[Progress]()
    (run,) = sweep({"tau-0.0001": configs["tau-0.0001"]}, tmp_path / "s", Execution(report=seen.append))
    assert min(one.done for one in seen if one.total) == 0
    assert run.folder.name == "tau-0.0001"
