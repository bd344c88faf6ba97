"""Verification of a run: what is measured, and that it can be stopped anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from edgewise import search
from edgewise.errors import RunConflictError
from edgewise.evaluation.agreement import agreement
from edgewise.models import load_model
from edgewise.runs import resume
from edgewise.runs import verify as module
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.prompts import prompts_of
from edgewise.runs.steps import Execution
from edgewise.runs.verify import verify
from edgewise.search import PatchingState, patch_edges, score_edges
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from planted import effects, planted
from planted import prompts as planted_prompts
from stored import contents

pytestmark = pytest.mark.slow

N_EDGES, N_NODES, N_PROMPTS = 46, 7, 3
RESULT, PROGRESS = "verification.json", "verification.progress.safetensors"


class Stopped(BaseException):
    """Stands for the end of the process: nothing catches it."""


def stop_after(states: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let measuring end with an error after so many states, each having been stored."""

    def patching(*args: Any, **kwargs: Any) -> Iterator[PatchingState]:
        for number, state in enumerate(search.patching(*args, **kwargs)):
            yield state
            if number == states:
                raise error

    monkeypatch.setattr(module, "patching", patching)
    monkeypatch.setattr(resume, "Saver", lambda save: SimpleNamespace(offer=save))


def count_states(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []

    def patching(*args: Any, **kwargs: Any) -> Iterator[PatchingState]:
        for state in search.patching(*args, **kwargs):
            seen.append(state.done)
            yield state

    monkeypatch.setattr(module, "patching", patching)
    return seen


def stored(folder: Path) -> bytes:
    return (folder / RESULT).read_bytes()


def test_all_edges_give_exactly_the_agreement_of_scores_and_exact_effects(config: RunConfig, folder: Path) -> None:
    found = verify(folder)
    model = load_model(config.model)
    prompts = prompts_of(config, model)
    exact = patch_edges(model, prompts, conditions=Conditions(batch_size=2))
    scores = score_edges(model, prompts, conditions=Conditions(batch_size=2), method="eap")
    expected = agreement(scores, exact, k=10)
    for name in ("r2", "slope", "pearson", "spearman", "sign_agreement", "recall"):
        mine, theirs = getattr(found.agreement, name), getattr(expected, name)
        assert mine.value == pytest.approx(theirs.value, rel=1e-5), name
        assert mine.low is None
    assert found.agreement.is_exact
    assert (found.agreement.k, found.n_prompts, found.unscored) == (10, N_PROMPTS, 0)
    assert len(found.effects) == N_EDGES
    for effect in found.effects:
        at = model.graph.edge(effect.name)
        assert effect.score == pytest.approx(scores.values[at], rel=1e-4, abs=1e-6)
        assert effect.score_stderr == pytest.approx(scores.stderr[at], rel=1e-4, abs=1e-6)
        assert effect.exact == exact.values[at]
        assert effect.exact_stderr == exact.stderr[at]
    errors = [abs(effect.error) for effect in found.effects]
    assert errors == sorted(errors, reverse=True)
    assert sum(effect.in_circuit for effect in found.effects) == 10


def test_of_a_sample_the_largest_are_measured_and_some_others(folder: Path) -> None:
    whole = {effect.name: effect for effect in verify(folder).effects}
    found = verify(folder, edges=30, top=20, seed=3, execution=Execution(overwrite=True))
    largest = {effect.name for effect in found.effects if effect.chosen == "largest"}
    by_score = sorted(whole.values(), key=lambda effect: -abs(effect.score))
    assert largest == {effect.name for effect in by_score[:20]}
    assert len(found.effects) == 30
    for effect in found.effects:  # other edges beside it change nothing but rounding
        assert effect.exact == pytest.approx(whole[effect.name].exact, abs=1e-6)
    assert found.agreement.measured == 30
    assert found.agreement.population == N_EDGES
    assert found.agreement.r2.low < found.agreement.r2.high
    assert found.asked["seed"] == 3
    other = verify(folder, edges=30, top=20, seed=4, execution=Execution(overwrite=True))
    assert {effect.name for effect in other.effects} != {effect.name for effect in found.effects}


def test_half_of_them_are_the_largest_by_default(folder: Path) -> None:
    assert verify(folder, edges=31).asked["top"] == 15


@pytest.mark.parametrize("edges", [None, N_EDGES, 10**6])
def test_all_can_be_said_in_several_ways(folder: Path, edges: int | None) -> None:
    first = verify(folder, edges=N_EDGES, seed=1)
    again = verify(folder, edges=edges, top=3, seed=2)  # neither has a meaning where all are measured
    assert again.reused
    assert again == replace(first, reused=True)


def test_nodes(config: RunConfig, tmp_path: Path) -> None:
    discover(replace(config, level="node", selection=Selection(top=3)), tmp_path / "run")
    found = verify(tmp_path / "run")
    model = load_model(config.model)
    exact = patch_edges(model, prompts_of(config, model), level="node", conditions=Conditions(batch_size=2))
    assert {effect.name: effect.exact for effect in found.effects} == dict(
        zip(model.graph.sources, exact.values.tolist(), strict=True)
    )
    assert found.agreement.k == 3
    assert sum(effect.in_circuit for effect in found.effects) == 3
    assert found.agreement.population == model.graph.n_sources == N_NODES


def test_a_planted_circuit_is_found(tmp_path: Path) -> None:
    """The effects are those of the tests' own hooks, and the recall is the share of the circuit that EAP finds."""
    model, prompts = planted(3), planted_prompts(3)
    n = model.circuit.n_edges
    asked = RunConfig("planted:3", task="planted", n=20, seed=3, method="eap", selection=Selection(top=n))
    run = discover(asked, tmp_path / "run")
    found = verify(run.folder, edges=None)
    exact = effects(model, prompts)
    assert run.record.prompts.fingerprint == prompts.fingerprint()
    for effect in found.effects:
        assert effect.exact == pytest.approx(exact[model.graph.edge(effect.name)], abs=1e-4)
    assert found.agreement.recall.value == (run.circuit.mask & model.circuit.mask).sum() / n


def test_of_the_demo_model_it_finds_what_a_run_of_exact_patching_finds(tmp_path: Path) -> None:
    asked = RunConfig("demo", task="ioi", n=3, selection=Selection(top=100))
    scores = discover(asked, tmp_path / "eap").scores
    exact = discover(replace(asked, method="activation-patching", batch_size=3), tmp_path / "exact").scores
    found = verify(tmp_path / "eap", edges=150)
    graph = exact.graph
    for effect in found.effects:
        assert effect.exact == pytest.approx(exact.values[graph.edge(effect.name)], abs=1e-4)
    truth = agreement(scores, exact, k=100)
    for name in ("spearman", "spearman_of_sizes", "sign_agreement", "sign_agreement_of_top", "recall"):
        number = getattr(found.agreement, name)
        assert number.low <= getattr(truth, name).value <= number.high, name


def test_a_stopped_verification_goes_on_and_ends_with_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(folder)
    verify(folder, edges=30)
    whole = stored(folder)
    for stop in (0, 1, 4, 7):
        (folder / RESULT).unlink()
        with monkeypatch.context() as stopped:
            stop_after(stop, stopped, Stopped())
            with pytest.raises(Stopped):
                verify(folder, edges=30)
        assert set(contents(folder)) == {*before, PROGRESS}
        with monkeypatch.context() as counted:
            seen = count_states(counted)
            assert not verify(folder, edges=30).reused
        assert stored(folder) == whole, stop
        assert (seen[0] > 0) == (stop > 0)
        assert contents(folder) == before | {RESULT: whole}


def test_an_interrupt_stores_the_last_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        stop_after(3, stopped, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            verify(folder, edges=30)
    seen = count_states(monkeypatch)
    verify(folder, edges=30)
    assert seen[0] > 0


def test_the_same_question_finds_the_answer_and_runs_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = verify(folder, edges=30)
    before = contents(folder)
    seen = count_states(monkeypatch)
    assert verify(folder, edges=30) == replace(first, reused=True)
    assert seen == []
    assert contents(folder) == before


OTHERS = (
    ({"edges": 31}, "edges is 30 there, 31 here"),
    ({"seed": 1}, "seed is 0 there, 1 here"),
    ({"top": 20}, "top is 15 there, 20 here"),
    ({"top_k": 7}, "top_k is 10 there, 7 here"),
    ({"batch_size": 3}, "batch_size is 2 there, 3 here"),
)


def test_another_question_of_the_same_name_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        stop_after(2, stopped, Stopped())
        with pytest.raises(Stopped):
            verify(folder, edges=30)
    for other, said in OTHERS:
        with pytest.raises(RunConflictError, match=f"another unfinished result .*{said}.*--overwrite"):
            verify(folder, **{"edges": 30} | other)
    verify(folder, edges=30)
    for other, said in OTHERS:
        with pytest.raises(RunConflictError, match=f"another result .*{said}.*--overwrite"):
            verify(folder, **{"edges": 30} | other)
    assert not verify(folder, edges=31, execution=Execution(overwrite=True)).reused


def test_memory_limits_decide_nothing_but_the_micro_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = verify(folder, edges=30)
    monkeypatch.setattr(module, "fits", lambda *_: 1)
    assert verify(folder, edges=30, execution=Execution(max_memory=10**12)).reused
    again = verify(folder, edges=30, execution=Execution(max_memory=10**12, overwrite=True))
    assert (first.batch_size, again.batch_size) == (2, 1)
    assert again.agreement.r2.value == pytest.approx(first.agreement.r2.value, rel=1e-4)
    assert not verify(folder, edges=30, batch_size=3, execution=Execution(overwrite=True)).reused


def test_a_verification_goes_with_the_run_it_is_of(config: RunConfig, folder: Path) -> None:
    verify(folder, edges=30)
    discover(
        replace(config, metric="prob-diff", selection=Selection(top=10)), folder, execution=Execution(overwrite=True)
    )
    assert not (folder / "verification.json").exists()
    again = verify(folder, edges=30)
    assert (again.metric, again.reused) == ("prob-diff", False)


def test_what_was_asked_has_the_scores_and_files_and_no_time(folder: Path) -> None:
    verify(folder, edges=30)
    values, run = json.loads(stored(folder)), json.loads((folder / "run.json").read_text())
    asked = values["asked"]
    assert asked["scores"] == hashlib.sha256((folder / "scores.safetensors").read_bytes()).hexdigest()
    assert asked["files"] == run["identity"]
    assert asked["files"]["data"]
    assert asked["files"]["model"]
    assert asked["prompts"] == run["prompts"]["fingerprint"]
    assert "timing" not in values
    assert "finished" not in values


def test_unscored_edges_are_left_out(folder: Path) -> None:
    path = folder / "scores.safetensors"
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    rows = np.argwhere(~np.isnan(tensors["scores"]))
    weakest = min(rows.tolist(), key=lambda at: abs(tensors["scores"][tuple(at)]))
    tensors["scores"][tuple(weakest)] = np.nan
    save_file(tensors, path, metadata)
    found = verify(folder)
    assert found.unscored == 1
    assert found.agreement.population == len(found.effects) == N_EDGES - 1
    assert found.agreement.is_exact
