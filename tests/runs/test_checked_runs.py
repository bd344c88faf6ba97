"""Runs with `exact`: three stages that are one run, what they store, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tiny
from edgewise.attribution import METHODS
from edgewise.errors import RunConflictError, RunError, SettingError, UnsupportedModelError
from edgewise.evaluation.agreement import agreement
from edgewise.models import load_model
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.methods import method_of, refined, settled
from edgewise.runs.prompts import prompts_of
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.folder import load_run, read_record
from edgewise.runs.verification import VERIFIED
from edgewise.runs.verify import verify
from edgewise.search import patch_edges
from edgewise.search.exact import refining as module
from edgewise.search.exact.second import second_of
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from estimates import together
from stored import save_model

pytestmark = pytest.mark.slow

RESULTS = ("scores.safetensors", "circuit.json")
N_EDGES, N_EXACT = 46, 9


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 46 edges."""
    return save_model(tmp_path_factory.mktemp("model") / "small", tiny.gpt2(n_layer=2, n_head=2, n_embd=16))


@pytest.fixture
def config(small: Path, data_file: Path) -> RunConfig:
    selection = Selection(top=10)
    return RunConfig(
        model=str(small),
        data=str(data_file),
        method="eap",
        batch_size=2,
        n=4,
        selection=selection,
        exact=N_EXACT,
        dtype="float64",
    )


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def test_the_files_hold_exact_effects_and_estimates_apart(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, bootstrap=20, per_prompt=True), tmp_path / "run")
    assert load_run(run.folder).record == run.record
    model = load_model(config.model, dtype="float64")
    prompts = prompts_of(config, model)
    kept: dict[str, Any] = {"conditions": Conditions(batch_size=2), "per_prompt": True, "bootstrap": 20, "seed": 0}
    exact = patch_edges(model, prompts, **kept)
    both, doubted = together(model, prompts, "eap", "secant-mid")
    chosen = doubted >= np.sort(doubted[np.isfinite(doubted)])[-N_EXACT]
    np.testing.assert_array_equal(run.scores.verified, chosen)
    np.testing.assert_allclose(run.scores.estimated, both.mean(0), rtol=1e-9, atol=1e-12)
    guesses = {"values": both.mean(0), "per_prompt": both, "stderr": both.std(0, ddof=1) / np.sqrt(len(both))}
    for name, guess in guesses.items():
        expected = np.where(chosen, getattr(exact, name), guess)
        np.testing.assert_allclose(getattr(run.scores, name), expected, rtol=1e-8, atol=1e-11, err_msg=name)
    found = run.record.exact
    assert (found.measured, found.scored, found.second) == (N_EXACT, N_EDGES, "secant-mid")
    expected = agreement(both.mean(0)[chosen], exact.values[chosen])
    assert found.pearson == pytest.approx(expected.pearson.value)
    assert found.same_sign == pytest.approx(expected.sign_agreement.value)
    # What ranks highest now is kept, and circuit.json says of each score whether it is exact.
    top = set(np.argsort(-np.abs(run.scores.values), axis=None)[:10].tolist())
    assert set(np.flatnonzero(run.circuit.mask).tolist()) == top
    edges = json.loads((run.folder / "circuit.json").read_text())["edges"]
    for at in map(tuple, np.argwhere(chosen).tolist()):
        said = edges[model.graph.edge_name(*at)]
        assert said["score"] == pytest.approx(exact.values[at], rel=1e-6)
        assert said["estimate"] == pytest.approx(both.mean(0)[at], rel=1e-6)
    assert {name for name, edge in edges.items() if edge["exact"]} == {
        model.graph.edge_name(*at) for at in np.argwhere(chosen).tolist()
    }


def test_passes_are_those_of_all_stages(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    model = load_model(config.model, dtype="float64")
    *_, state = method_of(config).states(
        settled(config), model, prompts_of(config, model), Conditions(config.batch_size), None
    )
    passes = run.record.passes
    # The second estimates, of three forward passes and a backward one, are of three of the four prompts.
    assert passes.backward == 1.75
    (exact,) = state.exact
    assert passes.forward == pytest.approx(2 + 0.75 * 3 + 2 + float(exact.targets.costs.sum()))
    assert len(exact.targets) == N_EXACT


@pytest.mark.parametrize(("method", "level"), [("eap", "edge"), ("secant", "edge"), ("eap-secant", "node")])
def test_stopped_in_any_stage_it_ends_with_the_same_bytes(
    method: str, level: Any, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"method": method, "level": level, "exact": 4, "selection": Selection(top=3)}
    config = replace(config, bootstrap=20, per_prompt=True, **changes)
    discover(config, tmp_path / "whole")
    monkeypatch.setattr(resume, "Saver", lambda save: SimpleNamespace(offer=save))
    original, stages = refined.refining, list[str]()

    def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for state in original(*args, **kwargs):
            stages.append(state.stage)
            yield state

    monkeypatch.setattr(refined, "refining", counted)
    discover(config, tmp_path / "counted")
    assert list(dict.fromkeys(stages)) == ["first", "second", "exact"]
    begun = [stages.index(stage) + 1 for stage in ("second", "exact")]
    for stop in (1, *begun, len(stages) - 1):

        def stopped(*args: Any, stop: int = stop, **kwargs: Any) -> Iterator[Any]:
            for number, state in enumerate(original(*args, **kwargs), start=1):
                yield state
                if number == stop:
                    raise BrokenPipeError

        folder = tmp_path / f"stopped-{stop}"
        monkeypatch.setattr(refined, "refining", stopped)
        with pytest.raises(BrokenPipeError):
            discover(config, folder)
        assert (folder / PROGRESS).exists()
        monkeypatch.setattr(refined, "refining", counted)
        seen, stages[:] = list(stages), []
        discover(config, folder)
        # It goes on in the stage in which it was stopped, or in the next one.
        assert stages[0] in seen[stop - 1 : stop + 1]
        assert len(stages) <= len(seen) - stop + 1
        stages[:] = seen
        assert results(folder) == results(tmp_path / "whole")


def test_progress_names_the_stages_and_says_what_the_last_takes(config: RunConfig, tmp_path: Path) -> None:
    told: list[Progress] = []
    discover(config, tmp_path / "run", execution=Execution(report=told.append))
    steps = list(dict.fromkeys(one.step for one in told))
    start = steps.index("scoring prompts")
    assert steps[start : start + 3] == [
        "scoring prompts",
        "scoring prompts by secant-mid",
        f"measuring exact effects, {N_EXACT} in all",
    ]
    planned = next(one for one in told if one.plan is not None)
    assert planned.step == steps[start + 2]
    assert (planned.done, planned.plan.passes) == (0, planned.total)
    assert planned.plan.seconds > 0


def test_more_than_there_are_is_all_of_them(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, exact=10**6), tmp_path / "run")
    assert run.record.exact.measured == N_EDGES
    exact = discover(replace(config, exact=0, method="activation-patching"), tmp_path / "exact")
    np.testing.assert_array_equal(run.scores.values, exact.scores.values)
    with pytest.raises(RunError, match="exact already, all measured by --exact"):
        verify(run.folder)


def test_another_number_is_another_run(config: RunConfig, tmp_path: Path) -> None:
    discover(config, tmp_path / "run")
    assert discover(config, tmp_path / "run").reused
    with pytest.raises(RunConflictError, match="exact is 9 there, 8 here"):
        discover(replace(config, exact=8), tmp_path / "run")


def test_where_the_second_method_refuses_a_warning_says_so(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = module.attribute

    def refuses(*args: Any, method: str, **kwargs: Any) -> Any:
        if method == "secant-mid":
            raise UnsupportedModelError("no rule for torch's 'cumsum'")
        return original(*args, method=method, **kwargs)

    monkeypatch.setattr(module, "attribute", refuses)
    run = discover(config, tmp_path / "run")
    record = read_record(run.folder)
    assert record.exact.second is None
    assert record.exact.measured == N_EXACT
    assert record.passes.backward == 1
    warning = next(one for one in record.warnings if "better on clean prompts" not in one)
    assert warning.startswith("exact effects are of the largest |score| alone")
    assert warning.endswith("no rule for torch's 'cumsum'")
    largest = np.sort(np.abs(run.scores.estimated[run.scores.graph.mask]))[-N_EXACT:]
    assert np.abs(run.scores.estimated[run.scores.verified]).min() == largest[0]


def test_a_verification_takes_what_the_run_has_measured(config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, dtype="float32"), tmp_path / "run")
    exact = discover(replace(config, dtype="float32", exact=0, method="activation-patching"), tmp_path / "exact").scores
    verified, graph = run.scores.verified, run.scores.graph
    found = verify(run.folder, edges=20)
    assert (found.asked["verified"], found.asked["edges"], found.asked["top"]) == (N_EXACT, 20, 10)
    assert found.agreement.measured == N_EXACT + 20
    kinds = {graph.edge(effect.name): effect.chosen for effect in found.effects}
    assert {at for at, kind in kinds.items() if kind == VERIFIED} == set(map(tuple, np.argwhere(verified).tolist()))
    for effect in found.effects:
        assert effect.exact == pytest.approx(float(exact.values[graph.edge(effect.name)]), rel=1e-5, abs=1e-7)
        if effect.chosen == VERIFIED:
            assert (effect.error, effect.exact_stderr) == (0.0, effect.score_stderr)
    whole = verify(run.folder, edges=None, execution=Execution(overwrite=True))
    assert whole.agreement.is_exact
    assert whole.stated is None
    expected = agreement(run.scores, exact)
    assert whole.agreement.pearson.value == pytest.approx(expected.pearson.value, rel=1e-5)


def test_a_verification_goes_on_with_the_runs_own_lot(config: RunConfig, tmp_path: Path) -> None:
    """What it states of the run's scores is what all exact effects say of them, or less."""
    run = discover(replace(config, exact=24), tmp_path / "run")
    exact = discover(replace(config, exact=0, method="activation-patching"), tmp_path / "exact").scores
    assert int(run.scores.drawn.sum()) == 8
    assert (run.scores.verified | ~run.scores.drawn).all()
    assert (np.isfinite(run.scores.doubt) == run.scores.graph.mask).all()
    found = verify(run.folder, edges=16, top=1)
    assert (found.asked["top"], found.asked["lot"]) == (1, 3)
    certain = next(effect for effect in found.effects if effect.chosen == "largest")
    left = np.where(run.scores.verified, -1.0, run.scores.doubt)
    assert left[run.scores.graph.edge(certain.name)] == np.nanmax(left)
    # One of those that the run drew may be of more doubt than the one that is certain now.
    assert found.stated.drawn >= 8 + 3 - (run.scores.doubt[run.scores.drawn] > np.nanmax(left)).sum()
    mask = run.scores.graph.mask
    errors, effects = (exact.values - run.scores.values)[mask], exact.values[mask]
    assert found.stated.r2_low <= 1 - (errors**2).sum() / ((effects - effects.mean()) ** 2).sum()
    assert load_run(run.folder).scores.doubt == pytest.approx(run.scores.doubt, nan_ok=True)


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("activation-patching", {}, "measures exact effects itself; leave --exact out"),
        ("acdc", {"tau": 0.1}, "in a circuit that shrinks"),
        ("eap-acdc", {"tau": 0.1, "eap_top": 5}, "in a circuit that shrinks"),
        ("subnetwork-probing", {"lambda_": 1}, "trains masks"),
        ("hisp", {}, "importances of nodes, without sign"),
        ("random", {}, "draws its scores"),
        ("ifr", {}, "importances without sign"),
    ],
)
def test_methods_without_estimates_are_refused(
    method: str, settings: dict[str, Any], words: str, config: RunConfig
) -> None:
    asked = replace(config, method=method, settings=settings, selection=Selection())
    with pytest.raises(RunError, match=words):
        settled(asked)
    settled(replace(asked, exact=0))
    with pytest.raises(SettingError, match="--exact is -2"):
        replace(config, exact=-2)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "ifr"])
def test_every_method_of_attribution_can_be_checked(method: str, config: RunConfig, tmp_path: Path) -> None:
    run = discover(replace(config, method=method, n=2, exact=5), tmp_path / "run")
    assert run.scores.verified.sum() == 5
    assert (run.scores.values == run.scores.estimated)[~run.scores.verified & run.scores.graph.mask].all()
    assert run.record.exact.second == second_of(method)
    assert run.record.passes.forward > 6


def test_until_goes_on_to_its_goal_or_says_that_the_budget_ended(config: RunConfig, tmp_path: Path) -> None:
    asked = replace(config, exact=None, method="eap+exact")
    reached = discover(replace(asked, until=0.9), tmp_path / "reached").record
    assert reached.exact.r2_low >= 0.9
    assert not [one for one in reached.warnings if "--until" in one]
    short = discover(replace(asked, until=0.999, budget=2.5), tmp_path / "short").record
    (said,) = (one for one in short.warnings if "--until" in one)
    assert said.startswith("--until r2=0.999 is not reached: where the budget ends, ")
    assert short.exact.measured < reached.exact.measured


def test_a_stopped_round_goes_on_to_the_same_bytes(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, exact=None, method="eap+exact", until=1.0)
    discover(config, tmp_path / "whole")
    monkeypatch.setattr(resume, "Saver", lambda save: SimpleNamespace(offer=save))
    original = refined.refining
    many = sum(1 for _ in original_states(config))

    for stop in (many // 2, many - 2):

        def stopped(*args: Any, stop: int = stop, **kwargs: Any) -> Iterator[Any]:
            for number, state in enumerate(original(*args, **kwargs), start=1):
                yield state
                if number == stop:
                    raise BrokenPipeError

        monkeypatch.setattr(refined, "refining", stopped)
        with pytest.raises(BrokenPipeError):
            discover(config, tmp_path / f"stopped-{stop}")
        monkeypatch.setattr(refined, "refining", original)
        discover(config, tmp_path / f"stopped-{stop}")
        assert results(tmp_path / f"stopped-{stop}") == results(tmp_path / "whole")


def original_states(config: RunConfig) -> Iterator[Any]:
    model = load_model(config.model, dtype=config.dtype)
    yield from method_of(config).states(settled(config), model, prompts_of(config, model), Conditions(2), None)
