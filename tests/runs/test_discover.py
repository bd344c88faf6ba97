"""A run from config to folder: what is stored, when it is reused, refused, overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import tiny
from edgewise.errors import EdgewiseError, ModelError, RunConflictError, RunError, SelectionError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.models import load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.methods import attribution
from edgewise.runs.prompts import read_prompts
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.codec import from_json
from edgewise.runs.store.folder import load_run
from edgewise.runs.store.read import read_circuit, read_scores
from edgewise.search import score_edges
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from stored import contents, id_rows, save_model, without_timing, write_rows


@pytest.fixture
def finished(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a finished run; scoring anything more fails the test."""
    discover(config, tmp_path / "run")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(attribution, "attribute", refuse)
    return tmp_path / "run"


def test_the_stored_scores_are_those_of_the_method(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, dtype="float64"), tmp_path / "run")
    model = load_model(config.model, dtype="float64")
    assert config.data is not None
    direct = score_edges(model, read_prompts(config.data, model), conditions=Conditions(batch_size=2), method="eap")
    assert isinstance(direct, EdgeScores)
    assert isinstance(run.scores, EdgeScores)
    np.testing.assert_array_equal(run.scores.values, direct.values)
    assert direct.stderr is not None
    assert run.scores.stderr is not None
    np.testing.assert_array_equal(run.scores.stderr, direct.stderr)


@pytest.mark.parametrize(("dtype", "stored"), [("float32", np.float32), ("float64", np.float64)])
def test_scores_are_float64_only_when_the_run_asked_for_it(
    config: RunConfig, tmp_path: Path, dtype: str, stored: type
) -> None:
    run = discover(replace(config, dtype=dtype), tmp_path / "run")
    with safe_open(tmp_path / "run" / "scores.safetensors", framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert set(tensors) == {"scores", "stderr", "mean_abs"}
    assert {array.dtype for array in tensors.values()} == {np.dtype(stored)}
    assert {array.shape for array in tensors.values()} == {(16, 40)}
    np.testing.assert_array_equal(np.isnan(tensors["scores"]), ~run.scores.graph.mask)


def test_per_prompt_scores_on_request(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, per_prompt=True, dtype="float64"), tmp_path / "run")
    assert run.scores.per_prompt is not None
    assert run.scores.per_prompt.shape == (7, 16, 40)
    mask = run.scores.graph.mask
    np.testing.assert_allclose(run.scores.per_prompt.mean(0)[mask], run.scores.values[mask], atol=1e-12)


def test_run_json_says_what_was_run(config: RunConfig, tmp_path: Path) -> None:
    discover(config, tmp_path / "run")
    said = json.loads((tmp_path / "run" / "run.json").read_text())
    assert from_json(RunConfig, said["config"], "run.json") == config
    edges = json.loads((tmp_path / "run" / "circuit.json").read_text())["edges"]
    ends = [end.split("<")[0] for name, edge in edges.items() if edge["in_circuit"] for end in name.split("->")]
    assert said["counts"] == {
        "edges": 262,  # 3 layers of 4 heads: 12 (1 + 6 + 11) into q k v, 5 + 10 + 15 into m, 16 into logits
        "sources": 16,
        "destinations": 40,
        "circuit_edges": 100,  # the least, where nobody says how many
        "circuit_nodes": len(set(ends)),
    }
    assert said["prompts"]["n"] == 7
    assert said["batch_size"] == 2
    assert said["model"]["architecture"] == "GPT2LMHeadModel"
    assert said["versions"]["torch"] == torch.__version__
    assert said["timing"]["total"] >= said["timing"]["scoring"] > 0
    assert said["prompts"]["fingerprint"] == tiny.prompts(7).fingerprint()


def test_metric_on_clean_and_corrupted_is_the_models_own(config: RunConfig, tmp_path: Path) -> None:
    said = discover(replace(config, dtype="float64"), tmp_path / "run").record.metric
    module = tiny.gpt2()
    for which, mean, stderr in (
        ("clean", said.clean, said.clean_stderr),
        ("corrupted", said.corrupted, said.corrupted_stderr),
    ):
        values = []
        for pair in tiny.prompts(7):
            logits = module(torch.tensor([getattr(pair, which)])).logits[0, list(pair.positions)].detach()
            right = logits[:, list(pair.answers)].mean(1)
            wrong = logits[:, list(pair.wrong_answers)].mean(1)
            values.append(float((right - wrong).mean()))
        assert mean == pytest.approx(np.mean(values), abs=1e-12)
        assert stderr == pytest.approx(np.std(values, ddof=1) / np.sqrt(7), abs=1e-12)


def test_circuit_json_keeps_the_best_edges_and_says_their_scores(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, selection=Selection(top=5)), tmp_path / "run")
    said = json.loads((tmp_path / "run" / "circuit.json").read_text())
    kept = {name for name, edge in said["edges"].items() if edge["in_circuit"]}
    best = sorted(said["edges"], key=lambda name: -abs(said["edges"][name]["score"]))[:5]
    assert kept == set(best)
    assert len(said["edges"]) == 262
    at = run.scores.graph.edge(best[0])
    assert said["edges"][best[0]]["score"] == float(run.scores.values[at])


def test_loading_gives_the_run_back(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.record == run.record
    assert again.circuit == run.circuit
    np.testing.assert_array_equal(again.scores.values, run.scores.values)


def test_nodes(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, level="node", dtype="float64"), tmp_path / "node")
    edges = discover(replace(config, dtype="float64"), tmp_path / "edge")
    assert isinstance(run.scores, NodeScores)
    # A node's score is the sum of its edges' scores: each edge is one more place where it is read.
    np.testing.assert_allclose(run.scores.values, np.nansum(edges.scores.values, 1), atol=1e-12)
    assert isinstance(load_run(tmp_path / "node").scores, NodeScores)


def test_an_identical_run_is_not_computed_twice(finished: Path, config: RunConfig) -> None:
    before = contents(finished)
    run = discover(config, finished)
    assert run.reused
    assert contents(finished) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": "prob-diff"}, 'metric is not set there, "prob-diff" here'),
        ({"seed": 5}, "seed is 0 there, 5 here"),
        ({"dtype": "float64"}, "dtype"),
        ({"batch_size": 3}, "batch_size is 2 there, 3 here"),
    ],
)
def test_another_run_is_refused_with_what_differs(
    finished: Path, config: RunConfig, change: dict[str, Any], said: str
) -> None:
    before = contents(finished)
    with pytest.raises(RunConflictError, match=said) as caught:
        discover(replace(config, **change), finished)
    assert "--overwrite" in str(caught.value)
    assert contents(finished) == before


def test_changed_data_make_another_run(config: RunConfig, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", id_rows())
    changed = replace(config, data=str(data))
    discover(changed, tmp_path / "run")
    write_rows(data, id_rows(seed=1))
    with pytest.raises(RunConflictError, match="the files behind data have changed"):
        discover(changed, tmp_path / "run")


def test_changed_weights_make_another_run(config: RunConfig, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "model")
    changed = replace(config, model=str(folder))
    discover(changed, tmp_path / "run")
    save_model(folder, tiny.gpt2(seed=1))
    with pytest.raises(RunConflictError, match="the files behind model have changed"):
        discover(changed, tmp_path / "run")


def test_overwrite_replaces_another_run(config: RunConfig, tmp_path: Path) -> None:
    discover(config, tmp_path / "run")
    changed = replace(config, metric="prob-diff")
    run = discover(changed, tmp_path / "run", execution=Execution(overwrite=True))
    assert not run.reused
    assert load_run(tmp_path / "run").config == changed
    fresh = discover(changed, tmp_path / "fresh")
    np.testing.assert_array_equal(run.scores.values, fresh.scores.values)


def test_the_same_config_gives_the_same_bits(config: RunConfig, tmp_path: Path) -> None:
    first, second = (discover(config, tmp_path / name) for name in ("a", "b"))
    assert without_timing(first.record) == without_timing(second.record)
    for name in ("scores.safetensors", "circuit.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_first_n_rows(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, n=3), tmp_path / "run")
    assert run.record.prompts.n == 3
    with pytest.raises(EdgewiseError, match="8 prompts asked for, but it has 7"):
        discover(replace(config, n=8), tmp_path / "more")


def test_one_prompt_has_no_standard_error(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, n=1), tmp_path / "run")
    assert run.record.metric.clean_stderr is None
    assert run.scores.stderr is not None
    assert np.isnan(run.scores.stderr).all()


def test_failing_leaves_no_folder_behind(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="--top is 1000, but the model has 262 edges"):
        discover(replace(config, selection=Selection(top=1000)), tmp_path / "a" / "run")
    assert list(tmp_path.iterdir()) == []


def test_nan_weights_are_refused(config: RunConfig, tmp_path: Path) -> None:
    module = tiny.gpt2()
    with torch.no_grad():
        module.transformer.h[1].mlp.c_fc.weight[0, 0] = float("nan")
    broken = replace(config, model=str(save_model(tmp_path / "nan", module)))
    with pytest.raises(ModelError, match="NaN"):
        discover(broken, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_progress_is_reported_prompt_by_prompt(config: RunConfig, tmp_path: Path) -> None:
    seen: list[Progress] = []
    discover(config, tmp_path / "run", execution=Execution(report=seen.append))
    scoring = [at for at in seen if at.step == "scoring prompts" and at.total]
    assert [(at.done, at.total) for at in scoring if not at.part] == [(0, 7), (2, 7), (4, 7), (6, 7), (7, 7)]
    for done, size in ((0, 2), (2, 2), (4, 2), (6, 1)):
        parts = [at.part for at in scoring if at.done == done and at.part]
        assert len(parts) > 1
        assert all(0 < part <= size for part in parts)
    assert seen[0].step == f"reading the config and the tokenizer of {config.model}"


@pytest.mark.parametrize("name", ["scores.safetensors", "circuit.json"])
def test_files_of_somebody_else_are_not_overwritten(config: RunConfig, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunConflictError, match=f"holds {name} of no finished run"):
        discover(config, tmp_path)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("text", ["{}", "not json", '{"format": "edgewise-run", "format_version": 99}'])
def test_a_run_json_that_is_not_ours_is_not_overwritten(config: RunConfig, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunConflictError, match=r"run\.json: .*choose another folder"):
        discover(config, tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def test_loading_what_is_no_run(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run folder"):
        load_run(tmp_path / "none")
    with pytest.raises(RunError, match="holds no run"):
        load_run(tmp_path)
    discover(config, tmp_path / "run")
    with pytest.raises(RunError, match=r"holds no run itself; give one of those in it: run$"):
        load_run(tmp_path)
    (tmp_path / "run" / "scores.safetensors").unlink()
    with pytest.raises(RunError, match=r"scores\.safetensors is missing"):
        load_run(tmp_path / "run")


def test_scores_and_circuit_are_read_of_a_run_folder_as_of_its_files(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    scores, (circuit, beside) = read_scores(run.folder), read_circuit(run.folder)
    assert circuit == run.circuit == read_circuit(run.folder / "circuit.json")[0]
    np.testing.assert_array_equal(scores.values, read_scores(run.folder / "scores.safetensors").values)
    assert beside is not None
    np.testing.assert_array_equal(beside.values, scores.values)
    with pytest.raises(RunError, match="holds no run itself"):
        read_scores(tmp_path)


def test_a_run_of_nodes_has_a_circuit_without_scores_of_edges(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, level="node"), tmp_path / "run")
    assert isinstance(read_scores(run.folder), NodeScores)
    assert read_circuit(run.folder) == (run.circuit, None)
