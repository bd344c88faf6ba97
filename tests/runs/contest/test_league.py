"""The league: its numbers are those of the stored runs by scipy and scikit-learn, and nothing is computed twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

from edgewise import load_model, load_run
from edgewise.attribution import METHODS as ATTRIBUTION
from edgewise.engine.run.passes import Passes
from edgewise.errors import EdgewiseError, FormatError, RunConflictError, RunError, SettingError, UnknownNameError
from edgewise.evaluation.ranking import cost
from edgewise.report.contest.league import show_league
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.entrants import VARIANTS, entrants, scorers
from edgewise.runs.contest.league import place_folder, places, play, that_fit
from edgewise.runs.contest.league_result import Cell, Entry, League
from edgewise.runs.methods import get_method, method_names
from edgewise.runs.methods.advice import ADVICE, FOR_EFFECTS, nearer
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.effects import About, StoredEffects, write_effects
from edgewise.runs.store.results import read_result
from edgewise.tasks import TASKS
from stopping import stopped

pytestmark = pytest.mark.slow

BASE = RunConfig("demo", task="ioi", n=4)
MODEL = "planted:3"
METHODS = ("eap", "eap-ig-inputs:steps=2", "random")
FOLDERS = ("eap", "eap-ig-inputs-steps-2", "random")
ASKED: dict[str, Any] = {"base": BASE, "models": (MODEL,), "methods": METHODS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("league") / "out"
    play(**ASKED, folder=out)
    return out


def curve_area(of: Path) -> float:
    """CMD from the evaluated points, by numpy."""
    found = json.loads((of / "evaluation-resample.json").read_text())
    assert found["prompts"]["split"] == "held-out"
    x, f = np.array([(point["fraction"], point["faithfulness"]) for point in found["curve"]]).T
    away = np.abs(1 - f)
    return float(np.sum(np.diff(x) * (away[1:] + away[:-1]) / 2))


def test_every_number_is_that_of_the_stored_runs(folder: Path) -> None:
    (cell,) = read_result(League, folder).cells
    here = folder / "planted-3-planted-seed-0"
    exact = load_run(here / "activation-patching")
    exists, circuit = exact.scores.graph.mask, load_model(MODEL).circuit
    assert circuit is not None
    y = exact.scores.values[exists].astype(np.float64)
    assert (cell.model, cell.task, cell.metric, cell.n) == (MODEL, "planted", "logit-diff", 4)
    assert (cell.edges, cell.truth_edges) == (int(exists.sum()), circuit.n_edges)
    for name, run in zip((*METHODS, "activation-patching"), (*FOLDERS, "activation-patching"), strict=True):
        entry, stored = cell.entry(name), load_run(here / run)
        assert entry.run == f"planted-3-planted-seed-0/{run}"
        assert (entry.passes, entry.seconds) == (stored.record.passes, stored.record.timing["scoring"])
        assert stored.record.prompts.fingerprint == exact.record.prompts.fingerprint
        x = stored.scores.values[exists].astype(np.float64)
        largest, found = (set(np.argsort(-np.abs(values), kind="stable")[:20]) for values in (y, x))
        expected = {
            "pearson": pearsonr(x, y).statistic,
            "spearman": spearmanr(x, y).statistic,
            "spearman_of_sizes": spearmanr(np.abs(x), np.abs(y)).statistic,
            "top": len(largest & found) / 20,
            "sign": np.mean(np.sign(x) == np.sign(y)),
            "sign_of_top": np.mean([np.sign(x[at]) == np.sign(y[at]) for at in found]),
            "cmd": curve_area(here / run),
            "auroc": roc_auc_score(circuit.mask[exists], np.abs(x)),
        }
        for measure, value in expected.items():
            assert entry.number(measure) == pytest.approx(value, abs=1e-9), (name, measure)
    assert cell.entry("eap").cost == 1.0
    assert cell.entry("eap-ig-inputs:steps=2").cost == 1.75
    assert load_run(here / FOLDERS[1]).config.settings["steps"] == 2
    assert [entry.reference for entry in cell.entries] == [False, False, False, True]


def test_it_is_read_back_as_it_was(folder: Path) -> None:
    text = (folder / "league.json").read_text()
    league = read_result(League, folder)
    assert json.dumps(to_json(league), indent=1) + "\n" == text
    values = json.loads(text)
    assert league.methods == METHODS
    assert values["standings"]["planted"][0]["pearson"]["mean"] == league.cells[0].entry("eap").number("pearson")
    assert values["advice"]["effects"] == [one.name for one in league.advice("effects")]
    assert values["finished"] == max(load_run(path.parent).record.finished for path in folder.rglob("run.json"))


def test_the_same_call_computes_nothing_and_more_can_be_added(folder: Path) -> None:
    kept = [path for path in folder.rglob("*.json") if path.parent != folder]
    before = {path: path.stat().st_mtime_ns for path in kept}
    stored, reports = (folder / "league.json").read_bytes(), list[Progress]()
    play(**ASKED, folder=folder, execution=Execution(report=reports.append))
    assert (folder / "league.json").read_bytes() == stored
    assert not any("scoring" in report.step or report.plan for report in reports)
    more = play(BASE, folder, (MODEL, "planted:11"), methods=(*METHODS, "hisp"))
    assert [(cell.model, len(cell.entries)) for cell in more.cells] == [(MODEL, 5), ("planted:11", 5)]
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    play(**ASKED, folder=folder)
    assert (folder / "league.json").read_bytes() == stored


def test_several_draws_and_measured_edges(tmp_path: Path) -> None:
    """Each draw is a table of its own; what is measured exactly is exact, and costs what it costs."""
    base = replace(BASE, seed=5, trust_remote_code=True)
    league = play(base, tmp_path, (MODEL,), methods=("eap", "eap:exact=20"), draws=2)
    assert [(cell.model, cell.seed) for cell in league.cells] == [(MODEL, 5), (MODEL, 6)]
    for cell in league.cells:
        here = tmp_path / f"planted-3-planted-seed-{cell.seed}"
        run, truth = load_run(here / "eap-exact-20"), load_run(here / "activation-patching")
        assert run.config.exact == 20
        assert run.scores.verified is not None
        at = np.flatnonzero(run.scores.verified)
        assert run.scores.values.ravel()[at] == pytest.approx(truth.scores.values.ravel()[at], rel=1e-3, abs=1e-5)
        assert cell.entry("eap:exact=20").passes == run.record.passes
    eap, exact = (one.known("pearson") for one in league.standings(league.cells)[:2])
    assert list(eap) == [cell.entry("eap").number("pearson") for cell in league.cells]
    assert len(exact) == 2
    assert all(with_exact > alone for alone, with_exact in zip(eap, exact, strict=True))
    assert "Planted models: 1 planted model; 2 draws of prompts each; mean, and the worst" in show_league(league)
    assert read_result(League, tmp_path) == league


def test_stopped_anywhere_it_ends_with_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    def asked(execution: Execution) -> None:
        play(**ASKED, folder=tmp_path, execution=execution)

    where, reports = f"{MODEL} on planted (1 of 1)", list[Progress]()
    for step in (
        "activation-patching: scoring prompts",
        "activation-patching: selecting the circuit",
        "methods",
        "random: scoring prompts",
        "eap: evaluating the circuit",
        "activation-patching: evaluating the circuit",
    ):
        reports += stopped(asked, lambda progress, step=step: progress.step == f"{where}: {step}")
        assert not (tmp_path / "league.json").exists()
    assert any(report.plan is not None and report.plan.seconds > 0 for report in reports)
    asked(Execution())
    for path in folder.rglob("*"):
        if path.name in ("scores.safetensors", "circuit.json", "evaluation-resample.json") and "planted-11" not in str(
            path
        ):
            there = tmp_path / path.relative_to(folder)
            assert not there.exists() or there.read_bytes() == path.read_bytes()
    assert timeless(read_result(League, tmp_path)) == timeless(read_result(League, folder))


def timeless(league: League) -> League:
    cells = [
        replace(cell, entries=tuple(replace(entry, seconds=None) for entry in cell.entries)) for cell in league.cells
    ]
    return replace(league, finished="", cells=tuple(cells))


def test_a_method_that_refuses_is_kept_with_its_reason(tmp_path: Path) -> None:
    """EAP refuses KL, which is flat at the clean run; random scores do not care."""
    league = play(replace(BASE, metric="kl"), tmp_path, (MODEL,), methods=("eap", "random"))
    eap, random = (league.cells[0].entry(name) for name in ("eap", "random"))
    assert eap.refused is not None
    assert "gradient" in eap.refused
    assert (eap.cost, eap.number("pearson"), eap.cmd) == (None, None, None)
    assert random.refused is None
    assert random.number("pearson") is not None
    assert [one.name for one in league.advice("effects")] == ["random"]
    assert read_result(League, tmp_path) == league
    assert f"\nRefused:\neap, planted:3 on planted: {eap.refused}\n" in show_league(league)


def test_stored_effects_take_the_place_of_measured_ones(folder: Path, tmp_path: Path) -> None:
    """Of all edges, the numbers are those of the run they come from; those of other prompts are passed over."""
    exact = load_run(folder / "planted-3-planted-seed-0" / "activation-patching")
    prompts, metric = exact.record.prompts, exact.record.metric
    about = About("planted", exact.record.identity["model"], "planted", {}, 4, 0, "discovery", prompts.fingerprint,
                  metric, "all edges", {})  # fmt: skip
    every = np.ones(exact.scores.graph.n_edges)
    (tmp_path / "effects").mkdir()
    write_effects(tmp_path / "effects/one.safetensors", StoredEffects.of_scores(exact.edge_scores, every, about))
    stored = play(**ASKED, folder=tmp_path / "out", effects=tmp_path / "effects")
    measured = read_result(League, folder)
    assert not list((tmp_path / "out").rglob("activation-patching"))
    for name in METHODS:
        one, other = (league.cells[0].entry(name) for league in (stored, measured))
        for measure in ("pearson", "spearman", "spearman_of_sizes", "top", "sign", "sign_of_top", "cmd", "auroc"):
            assert one.number(measure) == pytest.approx(other.number(measure), abs=1e-6), (name, measure)
    assert stored.reference == "activation-patching"
    assert read_result(League, tmp_path / "out") == stored
    play(replace(BASE, n=3), tmp_path / "other", (MODEL,), methods=("random",), effects=tmp_path / "effects")
    assert list((tmp_path / "other").rglob("activation-patching"))
    with pytest.raises(RunError, match="holds no stored effects"):
        play(**ASKED, folder=tmp_path / "none", effects=tmp_path / "other")


def test_other_prompts_are_refused(folder: Path) -> None:
    with pytest.raises(RunConflictError, match="holds another run"):
        play(replace(BASE, n=5), folder, (MODEL,), methods=METHODS)


def test_every_method_that_scores_edges_plays() -> None:
    names = {one.method for one in entrants((*scorers(), *VARIANTS), BASE, rows={})}
    assert names == set(scorers()) >= {"eap", "secant", "eap-secant", "random", "hisp"}
    others = set(method_names()) - names
    assert others >= {"activation-patching", "acdc", "eap-acdc", "subnetwork-probing"}
    assert all(get_method(name).makes_circuit or get_method(name).is_exact for name in others)


def test_a_method_costs_what_it_does_at_most() -> None:
    def cell(seed: int, *costs: Passes | None) -> Cell:
        names = ("deep", "unknown", "activation-patching")
        entries = (Entry(name, name, name == names[2], None, of) for name, of in zip(names, costs, strict=True))
        return Cell("demo", "ioi", seed, "kl", 4, 30, None, None, tuple(entries))

    cells = (cell(0, Passes(6, 3), None, None), cell(1, Passes(8, 6), None, None))
    deep, unknown, _ = League(20, "", cells).standings(cells)
    assert (deep.cost, unknown.cost) == (5.0, None)
    assert deep.values["pearson"] == (None, None)


def test_the_advice_is_of_methods_that_there_are_at_their_cost() -> None:
    for one in ADVICE:
        assert cost(ATTRIBUTION.load(one.method).passes) == one.cost
    assert [one.cost for one in ADVICE] == sorted(one.cost for one in ADVICE)
    assert "--method eap-secant, at 1.75 times" in nearer("eap")
    assert "--method activation-patching" in nearer("eap-secant")
    assert RunConfig("demo", task="ioi").method == FOR_EFFECTS == ADVICE[-1].method


def test_models_meet_the_tasks_that_fit_them() -> None:
    def found(models: tuple[str, ...], tasks: tuple[str, ...] | None = None) -> list[tuple[str, str | None, str]]:
        return [(one.model, one.task, place_folder(one)) for one in places(BASE, models, tasks)]

    assert [place[:2] for place in found(("demo", MODEL), ("ioi", "planted", "induction"))] == [
        ("demo", "ioi"),
        ("demo", "induction"),
        (MODEL, "planted"),
    ]
    assert [task for _, task, _ in found(("compiled:seen",))] == ["compiled"]
    assert [task for _, task, _ in found(("demo",))] == [task for task in TASKS if task not in ("planted", "compiled")]
    assert [one.task for one in that_fit(places(BASE, ("demo",)))] == ["ioi", "greater-than", "docstring", "induction"]
    with pytest.raises(RunError, match="model 'demo' has not the words of any task"):
        that_fit(places(BASE, ("demo",), ("capitals", "pronouns")))
    assert found(("./my model", "planted:3"))[-1][2] == "planted-3-planted-seed-0"
    assert found(("./my model",), ("ioi",))[0][2] == "my-model-ioi-seed-0"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"methods": ("eap", "sekant")}, UnknownNameError, "unknown method 'sekant'; did you mean 'secant'"),
        ({"methods": ()}, RunError, "--methods is empty"),
        ({"methods": ("eap", "eap")}, RunError, "--methods names 'eap' twice"),
        ({"methods": ("acdc",)}, RunError, "'acdc' finds a circuit .* `edgewise roc`"),
        ({"methods": ("activation-patching",)}, RunError, "always there; leave it out"),
        ({"methods": ("eap-ig-inputs:steps",)}, RunError, "'steps' is not setting=value"),
        ({"methods": ("eap-ig-inputs:steps=0",)}, SettingError, "--steps"),
        ({"methods": ("eap:steps=2",)}, SettingError, "--steps belongs to method"),
        ({"methods": ("eap:exact=many",)}, RunError, "exact is 'many'; give a whole number of edges"),
        ({"methods": ("ifr:exact=3",)}, RunError, "exact"),
        ({"draws": 0}, RunError, "--draws is 0"),
        ({"tasks": ("ioi",)}, RunError, "model 'planted:3' can be asked none of ioi; it takes only 'planted'"),
        ({"models": ("demo",), "tasks": ("planted",)}, RunError, "it takes any but 'planted' and 'compiled'"),
        ({"tasks": ("ioj",)}, UnknownNameError, "ioj"),
        ({"models": ()}, RunError, "--models is empty"),
        ({"base": replace(BASE, level="node")}, RunError, "scores of edges"),
    ],
)
def test_bad_questions(wrong: dict[str, Any], error: type[EdgewiseError], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        play(**ASKED | wrong, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no league\.json"):
        read_result(League, tmp_path)
    for text in ("{", "[]", '{"format": "edgewise-roc"}', '{"format": "edgewise-league", "cells": [{}]}'):
        (tmp_path / "league.json").write_text(text)
        with pytest.raises(FormatError, match=r"league\.json"):
            read_result(League, tmp_path)
