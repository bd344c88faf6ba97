"""What every method of `discover` keeps to; a method with a row joins by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgewise.errors import RunError, SettingError
from edgewise.models import load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.methods import get_method, method_names, settled
from edgewise.runs.prompts import prompts_of
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.folder import read_record
from edgewise.search.fading.rungs import plan
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from traces import leaves_no_trace

pytestmark = pytest.mark.slow

# Settings that a method does not do without, or that make it short.
SETTINGS: dict[str, dict[str, Any]] = {
    "acdc": {"tau": 0.01},
    "eap-acdc": {"tau": 0.01, "eap_top": 60},
    "subnetwork-probing": {"lambda_": 1.0, "steps": 5, "lr": 0.1},
    "fading": {"steps": 2, "minibatch": 2},
}
MASKED = {"lambda_": 1.0, "steps": 3, "masks": "edge", "minibatch": 3}


def bytes_in(folder: Path) -> dict[str, bytes]:
    files = ("scores.safetensors", "circuit.json", "trace.jsonl")
    return {name: (folder / name).read_bytes() for name in files if (folder / name).exists()}


@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, SETTINGS.get(name, {})) for name in method_names()), ("subnetwork-probing", MASKED)],
)
def test_a_run_that_is_stopped_anywhere_ends_with_the_same_bytes(
    name: str, settings: dict[str, Any], config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, method=name, settings=settings, n=4)
    method, seen = get_method(name), list[bool]()
    model = load_model(config.model)
    with leaves_no_trace(model.module):
        for state in method.states(
            settled(config), model, prompts_of(config, model), Conditions(config.batch_size), None
        ):
            seen.append(state.finished)
            last = state
    assert seen == [False] * (len(seen) - 1) + [True]
    assert last.done == last.total
    assert np.isfinite([*last.clean_metric, *last.corrupted_metric]).all()
    discover(config, tmp_path / "whole")
    original = type(method).states
    for stop in sorted({1, len(seen) // 2}):

        def stopped(*args: Any, stop: int = stop) -> Iterator[Any]:
            for number, now in enumerate(original(*args), start=1):
                yield now
                if number == stop:
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(type(method), "states", stopped)
            with pytest.raises(KeyboardInterrupt):
                discover(config, tmp_path / str(stop))
        assert (tmp_path / str(stop) / PROGRESS).exists()
        discover(config, tmp_path / str(stop))
        assert bytes_in(tmp_path / str(stop)) == bytes_in(tmp_path / "whole")


@pytest.mark.parametrize("name", method_names())
def test_cost_is_in_the_record(name: str, config: RunConfig, tmp_path: Path) -> None:
    discover(replace(config, method=name, settings=SETTINGS.get(name, {}), n=2), tmp_path / "run")
    fades = len(plan(load_model(config.model).graph.n_edges, 2))
    passes = read_record(tmp_path / "run").passes
    expected = {
        "eap": (2, 1),
        "hisp": (2, 1),
        "random": (2, 0),
        "subnetwork-probing": (2 + 5, 5),
        "fading": (2 + 3 + fades, 1 + fades),
    }
    if name in expected:
        assert (passes.forward, passes.backward, passes.at_most) == (*expected[name], False)
    if name == "activation-patching":
        edges = read_record(tmp_path / "run").counts.edges
        assert 2 + 0.1 * edges < passes.forward < 2 + 0.9 * edges
    if name in ("acdc", "eap-acdc"):
        tests = len((tmp_path / "run" / "trace.jsonl").read_bytes().splitlines())
        assert passes.forward >= 2 + tests
        assert passes.backward == (name == "eap-acdc")
        assert passes.at_most


def test_cost_of_steps_with_prompts_of_their_own(config: RunConfig, tmp_path: Path) -> None:
    discover(replace(config, method="subnetwork-probing", settings=MASKED), tmp_path / "run")
    record = read_record(tmp_path / "run")
    assert record.prompts.n == 7
    assert np.isclose(record.passes.backward, 3 * 3 / 7)
    assert np.isclose(record.passes.forward, 2 + 3 * (3 * 3 / 7))
    steps = [json.loads(line) for line in (tmp_path / "run" / "trace.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2, 3]


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("subnetwork-probing", {}, "needs the weight of its penalty; give --lambda"),
        ("subnetwork-probing", {"settings": {"lambda_": -1}}, "lambda is -1"),
        (
            "subnetwork-probing",
            {"settings": {"lambda_": 1, "masks": "head"}},
            "--masks is 'head'; use one of node, edge",
        ),
        ("subnetwork-probing", {"settings": {"lambda_": 1}, "level": "node"}, "leave --level out"),
        ("subnetwork-probing", {"settings": {"lambda_": 1}, "selection": Selection(top=3)}, "finds its own circuit"),
        ("subnetwork-probing", {"settings": {"lambda_": 1}, "per_prompt": True}, "leave --per-prompt out"),
        ("eap", {"settings": {"lambda_": 1}}, "--lambda belongs to method 'subnetwork-probing'"),
        ("hisp", {"settings": {"method_seed": 1}}, "--method-seed belongs to method .* not to 'hisp'"),
        ("hisp", {"level": "node"}, "leave --level out"),
        ("hisp", {"per_prompt": True}, "leave --per-prompt out"),
        ("hisp", {"selection": Selection(by="helpful")}, "scores without a sign"),
        ("random", {"settings": {"method_seed": -1}}, "--method-seed is -1"),
        ("random", {"per_prompt": True}, "leave --per-prompt out"),
    ],
)
def test_what_does_not_go_together_is_refused(
    method: str, changes: dict[str, Any], words: str, config: RunConfig
) -> None:
    with pytest.raises((SettingError, RunError), match=words):
        settled(replace(config, method=method, **changes))


def test_the_seed_of_the_run_or_one_of_its_own(config: RunConfig, tmp_path: Path) -> None:
    def values(name: str, **changes: Any) -> bytes:
        discover(replace(config, method="random", **changes), tmp_path / name)
        return bytes_in(tmp_path / name)["scores.safetensors"]

    first = values("first", settings={"method_seed": 5})
    assert values("second", seed=5) == first
    assert values("third", seed=5, settings={"method_seed": 6}) != first


@pytest.mark.parametrize("name", method_names())
def test_a_metric_that_compares_with_the_corrupted_run_is_nothing_there(name: str, config: RunConfig) -> None:
    """Patched wholly, a model says what the corrupted prompt says; unpatched, it is as far from that as KL says."""
    config = replace(config, method=name, settings=SETTINGS.get(name, {}), n=3, metric="kl-from-corrupted")
    method, model = get_method(name), load_model(config.model)
    prompts = prompts_of(config, model)
    *_, last = method.states(settled(config), model, prompts, Conditions(config.batch_size), None)
    expected = []
    for pair in prompts:
        clean, corrupted = (
            model.module(torch.tensor([ids])).logits[0, list(pair.positions)].log_softmax(-1)
            for ids in (pair.clean, pair.corrupted)
        )
        expected.append((corrupted.exp() * (corrupted - clean)).sum(-1).mean().item())
    np.testing.assert_allclose(last.corrupted_metric, 0.0, atol=1e-6)
    np.testing.assert_allclose(last.clean_metric, expected, rtol=1e-4)
