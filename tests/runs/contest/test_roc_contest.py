"""Methods against a truth: what is stored agrees with the runs themselves, and nothing is computed twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from edgewise import load_model, load_run
from edgewise.errors import (
    EdgewiseError,
    FormatError,
    RunConflictError,
    RunError,
    SelectionError,
    SettingError,
    UnknownNameError,
)
from edgewise.report.contest.roc import line_places
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import ROWS, entrants
from edgewise.runs.contest.roc import roc
from edgewise.runs.contest.roc_result import RocResult
from edgewise.runs.methods import settled
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.codec import from_json, to_json
from edgewise.runs.store.results import read_result
from stopping import stopped

pytestmark = pytest.mark.slow

PLANTED = RunConfig("planted:3", task="planted", n=6)
DEMO = RunConfig("demo", task="ioi", n=4)
TAUS = {"tau": (0.01, 1.0)}


def files(folder: Path) -> dict[str, bytes]:
    """What a comparison leaves, but for run.json, which holds times."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("run.json", ".edgewise.lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "roc"
    roc(PLANTED, folder, ("eap", "acdc:task"), values=TAUS)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "roc"
    roc(replace(DEMO, bootstrap=50), folder, ("eap", "activation-patching"), "exact:5%")
    return folder


def test_planted_models_are_held_against_what_was_planted(planted: Path) -> None:
    result = read_result(RocResult, planted)
    circuit = load_model("planted:3").circuit
    assert circuit is not None
    assert set(result.truth_edges) == set(circuit.edges())
    assert result.truth == "the planted circuit of planted:3"
    assert not any(line.reference for line in result.lines)
    eap, acdc = (line.levels["edge"].roc for line in result.lines)
    scores = load_run(planted / "eap").scores
    exists = scores.graph.mask
    assert eap.auc == pytest.approx(roc_auc_score(circuit.mask[exists], np.abs(scores.values[exists])), abs=1e-9)
    for at, tau in enumerate(("0.01", "1")):
        kept = set(load_run(planted / f"acdc-task/tau-{tau}").circuit.edges())
        true = set(circuit.edges())
        assert acdc.true_positives[at] == len(kept & true)
        assert acdc.false_positives[at] == len(kept - true)
    assert result.lines[1].runs == ("acdc-task/tau-0.01", "acdc-task/tau-1")


def test_the_exact_truth_is_measured_on_other_prompts(demo: Path) -> None:
    result, truth, patched = (
        read_result(RocResult, demo),
        load_run(demo / "truth"),
        load_run(demo / "activation-patching"),
    )
    assert (truth.config.split, patched.config.split) == ("held-out", "discovery")
    assert truth.record.prompts.fingerprint != patched.record.prompts.fingerprint
    metric = truth.record.metric
    large = np.abs(truth.scores.values) >= 0.05 * abs(metric.clean - metric.corrupted)
    graph = truth.scores.graph
    assert set(result.truth_edges) == {name for i, j, name in graph.edges() if large[i, j]}
    assert [line.reference for line in result.lines] == [False, True]
    assert any("reference" in note for note in result.notes)
    assert "held-out prompts" in result.truth


def test_resamples_give_intervals(demo: Path, planted: Path) -> None:
    for line in read_result(RocResult, demo).lines:
        for judged in line.levels.values():
            assert judged.intervals is not None
            low, high = judged.intervals.auc
            assert 0 <= low <= judged.roc.auc <= high <= 1
            assert judged.intervals.draws == 50
    assert all(line.levels["edge"].intervals is None for line in read_result(RocResult, planted).lines)


def test_it_is_read_back_as_it_was(demo: Path, planted: Path) -> None:
    for folder in (demo, planted):
        text = (folder / "roc.json").read_text()
        assert json.dumps(to_json(read_result(RocResult, folder)), indent=1) + "\n" == text


def test_the_same_call_computes_nothing_and_methods_can_be_added(planted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in planted.rglob("run.json")}
    stored = (planted / "roc.json").read_bytes()
    roc(PLANTED, planted, ("eap", "acdc:task"), values=TAUS)
    assert (planted / "roc.json").read_bytes() == stored
    more = roc(PLANTED, planted, ("eap", "acdc:task", "activation-patching"), values=TAUS)
    assert more.lines[2].levels["edge"].roc.auc == pytest.approx(1.0)  # by construction
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_stopped_anywhere_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    def asked(folder: Path, execution: Execution = Execution()) -> None:
        roc(PLANTED, folder, ("eap", "acdc:kl"), "exact:5%", values={"tau": (0.3,)}, execution=execution)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    reports: list[Progress] = []
    asked(whole, Execution(report=reports.append))
    steps = list(dict.fromkeys(report.step for report in reports))
    assert "truth: scoring prompts" in steps

    for step in ("truth: selecting the circuit", "eap: scoring prompts", "acdc:kl: scoring prompts"):
        stopped(lambda execution: asked(broken, execution), lambda progress, step=step: progress.step == step)
        assert not (broken / "roc.json").exists()
    asked(broken)
    assert files(broken) == files(whole)


def test_other_prompts_are_refused(planted: Path) -> None:
    with pytest.raises(RunConflictError, match="holds another run"):
        roc(replace(PLANTED, seed=1), planted, ("eap",))


def test_a_circuit_of_the_users_own(planted: Path, tmp_path: Path) -> None:
    names = sorted(load_run(planted / "acdc-task" / "tau-1").circuit.edges())
    (tmp_path / "mine.json").write_text(json.dumps(names))
    by_list = roc(PLANTED, planted, ("eap",), str(tmp_path / "mine.json"))
    by_file = roc(PLANTED, planted, ("eap",), str(planted / "acdc-task" / "tau-1" / "circuit.json"))
    assert set(by_list.truth_edges) == set(by_file.truth_edges) == set(names)
    assert by_list.lines[0].levels["edge"].roc.auc == by_file.lines[0].levels["edge"].roc.auc
    assert by_list.truth_digest != by_file.truth_digest


@pytest.mark.parametrize(
    ("truth", "content", "error", "message"),
    [
        ("known", None, RunError, r"--truth known: no circuit is known of ioi in model 'demo'.*, or exact:2%"),
        ("exact:", None, RunError, "--truth exact:: write exact: and a number above 0"),
        ("exact:0", None, RunError, "a number above 0"),
        ("exact:nan", None, RunError, "a number above 0"),
        (
            "knwon",
            None,
            RunError,
            "--truth knwon: 'knwon' names no circuit; give known, known:TASK/MODEL, .*, or exact:2%",
        ),
        ("{}", "{", FormatError, "not JSON"),
        ("{}", '{"a": 1}', FormatError, "truth.json: neither a list of edge names"),
        ("{}", '["a9.h9->logits"]', SelectionError, "unknown source 'a9.h9'.*belongs to another model"),
        ("exact:1e9", None, SelectionError, "has no edge.*give another threshold"),
    ],
)
def test_no_truth(tmp_path: Path, truth: str, content: str | None, error: type[EdgewiseError], message: str) -> None:
    if content is not None:
        truth = str(tmp_path / "truth.json")
        Path(truth).write_text(content)
    with pytest.raises(error, match=message):
        roc(replace(DEMO, n=2), tmp_path / "out", ("eap",), truth)
    assert not (tmp_path / "out" / "roc.json").exists()


def test_exact_patching_needs_prompts_to_itself(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"clean": [1, 2, 3], "corrupted": [1, 2, 4], "answers": [5], "wrong_answers": [6]}\n')
    with pytest.raises(RunError, match="a data file has no held-out part"):
        roc(RunConfig("demo", data=str(rows)), tmp_path / "out", ("eap",))


def test_questions_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"cannot compare method 'acdc'; did you mean 'acdc:kl'\?|Known here"):
        roc(PLANTED, tmp_path, ("acdc",))
    with pytest.raises(RunError, match="--methods names 'eap' twice"):
        roc(PLANTED, tmp_path, ("eap", "eap"))
    with pytest.raises(RunError, match="--methods is empty"):
        roc(PLANTED, tmp_path, ())
    with pytest.raises(RunError, match="--taus needs at least one value"):
        roc(PLANTED, tmp_path, values={"tau": ()})
    with pytest.raises(RunError, match="leave the level out"):
        roc(replace(PLANTED, level="node"), tmp_path)
    with pytest.raises(FormatError, match="not written by edgewise"):
        from_json(RocResult, {}, "roc.json")


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_method_that_can_be_run(name: str) -> None:
    row = ROWS[name]
    runs = row.configs(PLANTED, "logit-diff")
    assert row.name == name
    assert row.folder.replace(":", "") == row.folder
    assert len(runs) == (1 if row.sweep is None else len(row.values))
    assert all(settled(config).method == row.method for config in runs.values())
    resampled = [settled(one).bootstrap for one in row.configs(replace(PLANTED, bootstrap=5), "logit-diff").values()]
    assert set(resampled) == {5 if name in ("eap", "activation-patching") else 0}
    if row.sweep is not None:
        (given,) = entrants((name,), PLANTED, values={row.sweep: (0.5,)})
        ((folder, config),) = given.configs(PLANTED, "").items()
        assert config.settings[row.sweep] == 0.5
        assert folder in ("tau-0.5", "lambda-0.5")


def test_settings_stand_behind_a_name() -> None:
    def runs(name: str, **more: Any) -> dict[str, RunConfig]:
        (one,) = entrants((name,), PLANTED, **more)
        return {f"{one.folder}/{run}": config for run, config in one.configs(PLANTED, "logit-diff").items()}

    ((folder, config),) = runs("eap-ig-inputs:steps=2").items()
    assert (folder, config.method, config.settings) == ("eap-ig-inputs-steps-2/", "eap-ig-inputs", {"steps": 2})
    assert [(of.exact, of.settings) for of in runs("eap:exact=7").values()] == [(7, {})]
    ((folder, config),) = runs("acdc:kl:tau=0.2", values={"tau": (1.0, 3.0)}).items()
    assert (folder, config.settings, config.metric) == ("acdc-kl-tau-0.2/tau-0.2", {"tau": 0.2}, "kl")
    assert [of.settings["lambda_"] for of in runs("sp:task:lambda=2").values()] == [2]
    first = {"subnetwork-probing": {"steps": 9, "lr": 0.5}}
    assert {of.settings["steps"] for of in runs("sp:steps=3", settings=first).values()} == {3}
    assert {of.settings["lr"] for of in runs("sp:steps=3", settings=first).values()} == {0.5}
    assert all("eap_fraction" in of.settings for of in runs("eap-acdc:absolute=true").values())
    assert not any("eap_fraction" in of.settings for of in runs("eap-acdc:eap-top=9").values())


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("acdc:kl:tau=many", RunError, "--methods acdc:kl:tau=many: tau is 'many'; give a number"),
        ("acdc:kl:tua=1", SettingError, "tua"),
        ("eap-ig-inputs:steps=2:steps=3", RunError, "gives a setting twice"),
        ("acdc:kl:0.1", RunError, "'0.1' is not setting=value"),
        ("hisp:exact=3", RunError, "leave --exact out"),
        ("subnetwork-probing", UnknownNameError, "cannot compare method 'subnetwork-probing'.*Known here: .*relp"),
    ],
)
def test_names_that_are_none(tmp_path: Path, name: str, error: type[EdgewiseError], message: str) -> None:
    with pytest.raises(error, match=message):
        roc(PLANTED, tmp_path, (name,))


def test_a_method_without_a_row_takes_part(planted: Path) -> None:
    result = roc(PLANTED, planted, ("eap-ig-inputs:steps=2", "eap:exact=5"))
    assert [line.runs for line in result.lines] == [("eap-ig-inputs-steps-2",), ("eap-exact-5",)]
    assert [line.label for line in result.lines] == ["eap-ig-inputs: steps=2", "EAP: exact=5"]
    assert load_run(planted / "eap-ig-inputs-steps-2").config.settings["steps"] == 2
    assert sum(load_run(planted / "eap-exact-5").scores.verified.ravel()) == 5
    places = line_places((*result.lines, *roc(PLANTED, planted, ("eap",)).lines))
    assert places["eap"] == 0
    assert len(set(places.values())) == 3
