"""Runs of level neuron: what is stored, read again, refused, gone on with, and evaluated."""

from __future__ import annotations

import csv
import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import edgewise
from damage import refusals
from edgewise.attribution.neuron_edges import score_neuron_edges
from edgewise.errors import (
    EdgewiseError,
    EdgewiseWarning,
    FormatError,
    RunConflictError,
    RunError,
    SelectionError,
    SettingError,
)
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.neurons import evaluate_neurons
from edgewise.models import load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.exchange.leaving import export
from edgewise.runs.neuron_evaluation import evaluate_neuron_run
from edgewise.runs.neurons import find_neurons
from edgewise.runs.prompts import prompts_of, read_prompts
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import load_run
from edgewise.runs.store.neurons import NeuronRun, load_neuron_run
from edgewise.runs.verify import verify
from edgewise.search.exact.neuron_scores import score_neurons
from edgewise.search.exact.neurons import patch_neurons
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from stopping import stopped

RESULTS = ("neurons.safetensors", "neurons.csv", "neuron-edges.csv")


@pytest.fixture
def asked(config: RunConfig) -> RunConfig:
    top = Selection(top=12)
    return replace(config, level="neuron", dtype="float64", exact=6, neuron_edges=2, selection=top, evaluate=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, data_file: Path) -> NeuronRun:
    """One run for all that only read it."""
    config = RunConfig(model=str(model_folder), data=str(data_file), batch_size=2, method="relp+exact", level="neuron")
    return find_neurons(replace(config, selection=Selection(top=9)), tmp_path_factory.mktemp("neurons") / "run")


def test_what_is_stored_is_what_the_functions_give(asked: RunConfig, tmp_path: Path) -> None:
    run = find_neurons(asked, tmp_path / "run")
    model = load_model(asked.model, dtype="float64")
    prompts = read_prompts(str(asked.data), model)
    direct = score_neurons(model, prompts, method="eap", exact=6, conditions=Conditions(batch_size=2))
    for name in ("values", "stderr", "mean_abs", "estimated", "verified"):
        np.testing.assert_array_equal(getattr(run.scores, name), getattr(direct, name))
    assert run.scores.graph == direct.graph
    assert run.circuit == direct.best(12)
    assert run.record.circuit == tuple(direct.best(12))
    assert run.evaluated is not None
    wanted = evaluate_neurons(model, prompts, direct.best(12), conditions=Conditions(batch_size=2))
    assert run.evaluated.evaluation == wanted
    assert run.evaluated.prompts.note is not None  # the data file has no other rows
    assert run.record.exact is not None
    assert run.record.exact.measured == 6
    names = direct.top_neurons(2).names
    edges = score_neuron_edges(model, prompts, names, conditions=Conditions(batch_size=2))
    assert run.edges is not None
    assert list(run.edges) == list(edges)
    assert set(run.edges.neurons) == set(names)
    rows = list(csv.DictReader((tmp_path / "run" / "neuron-edges.csv").read_text().splitlines()))
    assert {row["edge"]: float(row["score"]) for row in rows} == {row.name: row.score for row in edges}


def test_as_many_neurons_as_heads_are_measured(finished: NeuronRun, asked: RunConfig, tmp_path: Path) -> None:
    scores = find_neurons(replace(asked, evaluate=False), tmp_path / "run").scores
    estimates = replace(scores, values=scores.estimated)
    wanted = {*estimates.top_neurons(3).names, *estimates.top_heads(3).names}
    assert {scores.graph.name(at) for at in np.flatnonzero(scores.verified)} == wanted
    # Where nobody says how many, some are, and no more than cost three times the estimates in so small a model.
    assert 2 <= int(np.sum(finished.scores.verified)) < 60


def test_the_table_has_every_node_best_first(finished: NeuronRun) -> None:
    rows = list(csv.DictReader((finished.folder / "neurons.csv").read_text().splitlines()))
    assert [row["node"] for row in rows] == list(finished.scores.top(len(finished.scores)).names)
    assert {row["node"] for row in rows if row["in_circuit"] == "true"} == set(finished.circuit)
    for row in rows[::20]:
        assert float(row["score"]) == pytest.approx(finished.scores[row["node"]], rel=1e-6)


def test_a_verification_holds_scores_against_exact_effects(asked: RunConfig, tmp_path: Path) -> None:
    run = find_neurons(replace(asked, evaluate=False), tmp_path / "run")
    model = load_model(asked.model, dtype="float64")
    exact = patch_neurons(model, read_prompts(str(asked.data), model), np.ones(len(run.scores), dtype=np.bool_))
    some = verify(run.folder, edges=40, top=20, seed=3)
    assert some.agreement.measured == 46  # six of them the run's own
    assert (some.asked["top"], some.asked["lot"], some.asked["verified"]) == (20, 4, 6)
    for effect in some.effects:
        assert effect.exact == pytest.approx(exact[effect.name], abs=1e-10)
        assert effect.score == run.scores[effect.name]
        assert effect.in_circuit == (effect.name in run.circuit)
    assert verify(run.folder, edges=40, top=20, seed=3).reused
    every = verify(run.folder, edges=None, execution=Execution(overwrite=True))
    direct = agreement(run.scores, exact, k=12)
    for name in ("r2", "slope", "spearman", "sign_agreement", "recall"):
        assert getattr(every.agreement, name).value == pytest.approx(getattr(direct, name).value, rel=1e-12)
    assert every.agreement.is_exact
    with pytest.warns(EdgewiseWarning, match=r"with it went verification\.json; measure it again"):
        find_neurons(replace(asked, evaluate=False, selection=Selection(top=3)), run.folder)
    measured = find_neurons(replace(asked, evaluate=False, exact=396, neuron_edges=0), tmp_path / "exact")
    with pytest.raises(RunError, match="its scores are exact already, all measured by --exact"):
        verify(measured.folder)


def test_tables_of_other_programs_have_every_node(finished: NeuronRun, tmp_path: Path) -> None:
    scores, tables = finished.scores, {}
    for name in ("csv", "jsonl", "parquet"):
        written = export(finished.folder, name, tmp_path / f"nodes.{name}")
        assert "neuron-edges" not in written.lost
        if name == "csv":
            tables[name] = pd.read_csv(tmp_path / "nodes.csv")
        elif name == "jsonl":
            tables[name] = pd.read_json(tmp_path / "nodes.jsonl", lines=True)
        else:
            tables[name] = pd.read_parquet(tmp_path / "nodes.parquet")
    for table in tables.values():
        assert table["node"].tolist() == list(scores)
        assert table["layer"].tolist() == [int(name[1 : name.index(".")]) for name in scores]
        assert set(table["node"][table["in_circuit"]]) == set(finished.circuit)
        np.testing.assert_array_equal(table["exact"], scores.verified)
        for column, values in (("score", scores.values), ("stderr", scores.stderr), ("estimate", scores.estimated)):
            np.testing.assert_allclose(table[column], values, rtol=1e-6, atol=1e-12)
    with pytest.raises(FormatError, match="holds a run of neurons, and graphml is of edges and nodes; use csv, jsonl"):
        export(finished.folder, "graphml", tmp_path / "nodes.graphml")


def test_a_finished_run_is_read_again(asked: RunConfig, tmp_path: Path) -> None:
    first = find_neurons(asked, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    again = find_neurons(asked, tmp_path / "run")
    assert again.reused
    assert not first.reused
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(RunConflictError, match="neuron_edges is 2 there, 3 here"):
        find_neurons(replace(asked, neuron_edges=3), tmp_path / "run")


def test_another_circuit_is_chosen_of_the_same_scores(asked: RunConfig, tmp_path: Path) -> None:
    first = find_neurons(asked, tmp_path / "run")
    other = find_neurons(replace(asked, selection=Selection(top=13)), tmp_path / "run")
    assert other.record.timing == first.record.timing
    assert list(other.scores.items()) == list(first.scores.items())
    assert other.edges is not None
    assert other.circuit == first.scores.best(13)
    assert other.record.rule == "top 13 by abs"
    assert other.evaluated is not None
    assert other.evaluated.evaluation.circuit.heads + other.evaluated.evaluation.circuit.neurons == 13


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, data_file: Path) -> NeuronRun:
    """A run that was never stopped."""
    config = RunConfig(model=str(model_folder), data=str(data_file), batch_size=2, method="eap", level="neuron")
    config = replace(config, dtype="float64", exact=6, neuron_edges=2, selection=Selection(top=12))
    return find_neurons(config, tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize(
    "step", ["scoring prompts", "measuring exact effects", "scoring edges of neurons", "evaluating the circuit"]
)
def test_a_run_that_was_stopped_anywhere_ends_with_the_same_bits(
    whole: NeuronRun, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.runs.resume.Saver", lambda save: type("Always", (), {"offer": staticmethod(save)}))
    asked, folder = whole.config, tmp_path / "stopped"
    reports = stopped(
        lambda execution: find_neurons(asked, folder, execution),
        lambda progress: progress.step == step and progress.total is not None and progress.done > progress.total / 2,
    )
    assert reports[-1].done < (reports[-1].total or 0)
    assert list(folder.glob("*progress.safetensors"))
    run = find_neurons(asked, folder)
    for name in RESULTS:
        assert (folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert run.evaluated is not None
    assert whole.evaluated is not None
    assert run.evaluated.evaluation == whole.evaluated.evaluation
    assert not list(folder.glob("*progress.safetensors"))


def test_evaluate_measures_curves_and_finds_them_again(finished: NeuronRun) -> None:
    found = evaluate_neuron_run(finished.folder, {}, random=2)
    assert [curve.what for curve in found.results.evaluation.curves] == ["nodes", "neurons"]
    assert load_neuron_run(finished.folder).curves is not None
    again = evaluate_neuron_run(finished.folder, {}, random=2)
    assert again.reused
    assert again.results == found.results
    with pytest.raises(RunConflictError, match="random is 2 there, 1 here"):
        evaluate_neuron_run(finished.folder, {}, random=1)
    bare = evaluate_neuron_run(finished.folder, {}, Execution(overwrite=True), curve=False)
    assert bare.results.evaluation.curves == ()


def test_folders_hold_one_kind_of_run(finished: NeuronRun, config: RunConfig, asked: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(RunConflictError, match="holds a run of neurons; choose another folder"):
        discover(config, finished.folder)
    discover(config, tmp_path / "edges")
    with pytest.raises(RunConflictError, match="holds a run of edges or nodes; choose another folder"):
        find_neurons(asked, tmp_path / "edges")
    with pytest.raises(RunError, match="holds no run of neurons; give the --out of a finished"):
        load_neuron_run(tmp_path / "edges")
    with pytest.raises(RunError, match="holds a run of neurons, and this takes one of edges or nodes; see it"):
        load_run(finished.folder)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"method": "secant"}, SettingError, "method 'secant' scores no neurons; use one of eap"),
        ({"method": "acdc"}, SettingError, "method 'acdc' scores no neurons"),
        ({"per_prompt": True}, RunError, "--per-prompt is of edges and nodes"),
        ({"bootstrap": 50}, RunError, "--bootstrap is of edges and nodes; leave it out with --level neuron"),
        ({"budget": 3.0, "exact": None}, RunError, "--budget is of edges and nodes"),
        ({"selection": Selection(prune=True)}, RunError, "--prune is of edges and nodes"),
        ({"selection": Selection(top=5, stable=True)}, RunError, "--stable is of edges and nodes"),
        ({"selection": Selection(top=10_000)}, SelectionError, "the model has 396 heads and neurons; give at most 396"),
        ({"settings": {"steps": 3}}, SettingError, "steps"),
    ],
)
def test_what_neurons_do_not_have_is_refused(
    asked: RunConfig, tmp_path: Path, changes: dict[str, Any], error: type[EdgewiseError], words: str
) -> None:
    with pytest.raises(error, match=words):
        find_neurons(replace(asked, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_edges_are_not_scored_as_neurons(asked: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="neurons are found by `edgewise discover --level neuron`, in Python by"):
        discover(asked, tmp_path / "run")
    with pytest.raises(RunError, match="--neuron-edges goes with --level neuron"):
        discover(replace(asked, level="edge"), tmp_path / "run")


def test_selections(finished: NeuronRun, asked: RunConfig, tmp_path: Path) -> None:
    for number, (selection, n) in enumerate(
        [(Selection(), 100), (Selection(fraction=0.05), 19), (Selection(top=3, by="helpful"), 3)]
    ):
        run = find_neurons(replace(asked, selection=selection, exact=0, evaluate=False), tmp_path / str(number))
        assert len(run.circuit) == n
        assert run.scores.verified is None
    assert max(run.scores[name] for name in run.circuit) < 0
    above = Selection(threshold=abs(run.scores.top(5)[4].score))
    kept = find_neurons(replace(asked, selection=above, exact=0, evaluate=False), tmp_path / "above").circuit
    assert set(kept) == set(run.scores.top(5).names)


@pytest.mark.parametrize("selection", [Selection(keep=0.8), Selection(max_kl=0.002, by="helpful")])
def test_the_fewest_that_are_good_enough(
    asked: RunConfig, tmp_path: Path, selection: Selection, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = replace(asked, selection=selection, exact=0, neuron_edges=0)
    run = find_neurons(wanted, tmp_path / "run")
    assert run.sized is not None
    assert run.unsized is None
    assert run.sized.reached
    assert len(run.circuit) == run.sized.size == run.record.counts.circuit_heads + run.record.counts.circuit_neurons
    assert run.record.rule == f"{selection.describe('neuron')}: {run.sized.size}"
    model = load_model(asked.model, dtype="float64")
    prompts = prompts_of(replace(run.config, split="held-out"), model)
    assert run.sized.prompts.fingerprint == prompts.fingerprint() != run.record.prompts.fingerprint

    def good(size: int) -> bool:
        found = evaluate_neurons(model, prompts, run.scores.best(size, selection.by))
        if selection.keep is None:
            assert selection.max_kl is not None
            return found.circuit.measured.kl <= selection.max_kl
        return found.faithfulness is not None and found.faithfulness >= selection.keep

    assert good(run.sized.size)
    assert not good(run.sized.size - 1)
    measured = {point.size: point for point in run.sized.points}
    assert 0 in measured
    assert len(run.scores) in measured
    assert run.evaluated is not None
    assert run.evaluated.faithfulness == pytest.approx(measured[run.sized.size].faithfulness, abs=1e-9)
    # The same, where it was stopped while sizes were measured; and from scores that were there.
    monkeypatch.setattr("edgewise.runs.resume.Saver", lambda save: type("Always", (), {"offer": staticmethod(save)}))
    stopped(
        lambda execution: find_neurons(wanted, tmp_path / "stopped", execution),
        lambda progress: progress.step == "measuring circuits of several sizes" and progress.done > 3,
    )
    assert (tmp_path / "stopped" / "neurons-sizes.progress.safetensors").is_file()
    assert find_neurons(wanted, tmp_path / "stopped").sized == run.sized
    find_neurons(replace(wanted, selection=Selection(top=3)), tmp_path / "anew")
    anew = find_neurons(wanted, tmp_path / "anew")
    assert (anew.sized, anew.circuit) == (run.sized, run.circuit)
    assert find_neurons(wanted, tmp_path / "anew").reused


@pytest.mark.parametrize("name", ["neurons.json", "neurons.safetensors", "neurons-faithfulness.json"])
def test_damaged_files_are_refused_in_one_line(finished: NeuronRun, tmp_path: Path, name: str) -> None:
    for path in finished.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = (tmp_path / name).read_bytes()
    assert len(refusals(tmp_path / name, content, lambda: load_neuron_run(tmp_path), 60)) > 12
    said = json.loads((finished.folder / "neurons.json").read_text())
    (tmp_path / name).write_bytes(content)
    (tmp_path / "neurons.json").write_text(json.dumps(said | {"circuit": ["m9.n1"]}))
    with pytest.raises(FormatError, match=r"field 'circuit': no node 'm9\.n1'"):
        load_neuron_run(tmp_path)


def test_in_python(model_folder: Path, data_file: Path, tmp_path: Path) -> None:
    with pytest.warns(EdgewiseWarning, match="hardly better on clean prompts"):  # its weights are random
        run = edgewise.discover_neurons(
            model=model_folder, data=data_file, method="relp", top=4, out=tmp_path / "run", progress=False
        )
    assert len(run.circuit) == 4
    assert repr(run).startswith(f"NeuronRun('{tmp_path / 'run'}': ")
    assert edgewise.load_neuron_run(tmp_path / "run").circuit == run.circuit


def test_every_keyword_is_one_of_discover_with_its_default_and_type() -> None:
    own, of_edges = (
        inspect.signature(function, eval_str=True).parameters
        for function in (edgewise.discover_neurons, edgewise.discover)
    )
    for name, parameter in own.items():
        assert (parameter.default, parameter.annotation) == (of_edges[name].default, of_edges[name].annotation)
