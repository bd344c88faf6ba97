"""`discover` measures the circuit that it found, loses nothing where that fails, and measures later what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from bruteforce.from_hf import from_hf
from bruteforce.scores import edge_mask, logit_diff
from bruteforce.transformer import Patch, Transformer
from bruteforce.transformer import run as run_twin
from edgewise import Circuit, evaluate_circuit, load_model, make_task
from edgewise.errors import ScoreError
from edgewise.runs import faithfulness as module
from edgewise.runs import unseen
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover, find_circuit
from edgewise.runs.steps import Execution
from edgewise.runs.store.folder import load_run
from edgewise.settings.selection import Selection
from stored import contents, id_rows, save_model, write_rows

FILE = "faithfulness.json"


@pytest.fixture
def asked(config: RunConfig) -> RunConfig:
    """All but a few edges, so that the number is no trivial one."""
    return replace(config, evaluate=True, dtype="float64", selection=Selection(top=200))


def metrics(twin: Transformer, kept: Circuit) -> list[float]:
    """The logit difference of each prompt of the data file with everything outside a circuit patched."""
    patched = (edge_mask(twin) & ~torch.tensor(kept.mask)).double()[None]
    found = []
    for pair in tiny.prompts(7):
        with torch.no_grad():
            carry = dict(run_twin(twin, torch.tensor([pair.corrupted])).outputs)
            logits = run_twin(twin, torch.tensor([pair.clean]), Patch(patched, carry)).logits
        found.append(float(logit_diff(logits[0, list(pair.positions)], pair)))
    return found


def test_it_is_that_of_the_brute_force_transformer(asked: RunConfig, tmp_path: Path) -> None:
    run = discover(asked, tmp_path / "run")
    twin, graph = from_hf(tiny.gpt2()), run.circuit.graph
    circuits = (Circuit.full(graph), Circuit.empty(graph), run.circuit)
    full, empty, kept = (np.mean(metrics(twin, one)) for one in circuits)
    found = run.evaluated
    assert found is not None
    # The folder holds the weights in float64, and scores in it too.
    assert found.faithfulness == pytest.approx((kept - empty) / (full - empty), rel=1e-9)
    assert found.full.metric == pytest.approx(run.record.metric.clean, abs=1e-12)
    assert found.empty.metric == pytest.approx(run.record.metric.corrupted, abs=1e-9)
    assert found.prompts.note == (
        "the circuit was found on these prompts, so the numbers say how well it fits them, no more"
    )
    assert load_run(run.folder).evaluated == found


@pytest.mark.slow
def test_a_task_is_measured_on_held_out_prompts(tmp_path: Path) -> None:
    asked = RunConfig("demo", task="ioi", n=8, seed=3, method="eap", selection=Selection(top=100))
    found = discover(asked, tmp_path / "run")
    model = load_model("demo")
    other = make_task("ioi", model, n=8, seed=3, split="held-out")
    expected = evaluate_circuit(model, other, found.circuit, curve=False)
    assert found.evaluated is not None
    assert found.evaluated.faithfulness == pytest.approx(expected.faithfulness, rel=1e-5)
    assert (found.evaluated.prompts.split, found.evaluated.prompts.n) == ("held-out", 8)
    assert found.evaluated.prompts.fingerprint == other.fingerprint() != found.record.prompts.fingerprint
    assert found.evaluated.prompts.note is None


@pytest.mark.slow
def test_a_task_without_held_out_prompts_is_measured_on_those_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgewise.errors import DataError

    real = unseen.prompts_of

    def few(config: RunConfig, model: Any) -> Any:
        if config.split == "held-out":
            raise DataError("12 words are too few to draw 3 for held-out prompts")
        return real(config, model)

    monkeypatch.setattr(unseen, "prompts_of", few)
    found = discover(RunConfig("demo", task="ioi", n=4, method="eap"), tmp_path / "run").evaluated
    assert found is not None
    assert found.prompts.split == "discovery"
    assert found.prompts.note is not None


def test_nothing_is_measured_where_that_was_not_asked_for(asked: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(asked, evaluate=False), tmp_path / "run")
    assert run.evaluated is None
    assert sorted(contents(run.folder)) == ["circuit.json", "examples.json", "run.json", "scores.safetensors"]
    assert find_circuit(asked, tmp_path / "other").evaluated is None
    # It is the same run: asked for with the measurement, that alone is made.
    before = contents(run.folder)
    again = discover(asked, run.folder)
    assert again.evaluated is not None
    assert not again.reused
    assert {name: contents(run.folder)[name] for name in before} == before
    assert discover(replace(asked, evaluate=False), run.folder).reused
    assert discover(asked, run.folder).evaluated == again.evaluated == discover(asked, tmp_path / "new").evaluated


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ScoreError("not finite")])
def test_scores_outlive_a_measurement_that_ends_early(
    asked: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(module, "evaluate", stopped)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            discover(asked, tmp_path / "run")
    else:
        assert discover(asked, tmp_path / "run").unmeasured == "not finite"
    before = contents(tmp_path / "run")
    assert sorted(before) == ["circuit.json", "examples.json", "run.json", "scores.safetensors"]
    monkeypatch.undo()
    monkeypatch.setattr("edgewise.runs.methods.attribution.attribute", None)  # nothing is scored again
    run = discover(asked, tmp_path / "run")
    assert run.evaluated is not None
    assert run.unmeasured is None
    assert {name: contents(run.folder)[name] for name in before} == before


def test_another_run_in_its_place_has_its_own(asked: RunConfig, tmp_path: Path) -> None:
    first = discover(asked, tmp_path / "run")
    other = replace(asked, selection=Selection(top=100))
    again = discover(other, tmp_path / "run", Execution(overwrite=True))
    assert again.evaluated is not None
    assert first.evaluated is not None
    assert again.evaluated.edges.circuit == 100
    assert first.evaluated.edges.circuit == 200
    assert discover(replace(other, evaluate=False), tmp_path / "run", Execution(overwrite=True)).evaluated is None


@pytest.mark.parametrize("more", [{"method": "acdc", "settings": {"tau": 0.05}}, {"level": "node"}])
def test_circuits_of_every_kind_are_measured(asked: RunConfig, tmp_path: Path, more: dict[str, Any]) -> None:
    run = discover(replace(asked, selection=Selection(), metric="logit-diff", **more), tmp_path / "run")
    assert run.evaluated is not None
    assert run.evaluated.edges.circuit == run.circuit.n_edges
    assert run.evaluated.faithfulness is not None


def test_a_metric_that_nothing_changes_has_no_faithfulness(tmp_path: Path) -> None:
    """Every effect of a block is zero, and a prompt ends in the same token clean and corrupted."""
    module_ = tiny.gpt2()
    with torch.no_grad():
        for name, weight in module_.named_parameters():
            if "c_proj" in name:
                weight.zero_()
    rows = [row for row in id_rows(20) if row["clean"][-1] == row["corrupted"][-1]][:3]
    rows = [row | {"positions": [len(row["clean"]) - 1], "answers": row["answers"][:1]} for row in rows]
    rows = [row | {"wrong_answers": row["wrong_answers"][:1]} for row in rows]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    model = save_model(tmp_path / "model", module_)
    run = discover(RunConfig(str(model), data=str(data), method="eap"), tmp_path / "run")
    assert run.evaluated is not None
    assert run.evaluated.faithfulness is None
    assert any("faithfulness, completeness, CPR and CMD are undefined" in line for line in run.evaluated.warnings)
    assert json.loads((tmp_path / "run" / FILE).read_text())["faithfulness"] is None
