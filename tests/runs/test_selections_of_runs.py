"""A selection that cannot be made is refused before any score is computed, and can be changed without a new run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewise.errors import EdgewiseError, EdgewiseWarning, RunConflictError, SelectionError
from edgewise.graph import Graph
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated_circuit import circuit_of_run
from edgewise.runs.methods import get_method, method_names
from edgewise.runs.selection import require_fits, require_spread
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.folder import load_run
from edgewise.runs.verify import verify
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection
from stored import contents, without_timing

PLANTED = RunConfig(model="planted:3", task="planted", n=4, batch_size=4)
SELECTIONS = (
    Selection(top=1),
    Selection(top=5, prune=True),
    Selection(fraction=0.5),
    Selection(threshold=0.1),
    Selection(threshold=1e9, prune=True),
    Selection(top=5, by="mean-abs"),
    Selection(top=5, by="helpful"),
    Selection(fraction=1.0, stable=True),
    Selection(fraction=1.0, greedy=True),
    Selection(top=6, greedy=True),
    Selection(greedy=True, stable=True),
    Selection(top=10**6),
)
OWN: dict[str, dict[str, Any]] = {
    "acdc": {"tau": 0.05},
    "eap-acdc": {"tau": 0.05, "eap_fraction": 0.5},
    "subnetwork-probing": {"lambda_": 1.0, "steps": 2},
}


def patching(*only: str, **more: Any) -> RunConfig:
    return replace(PLANTED, method="activation-patching", settings={"only": list(only)}, **more)


def refused(config: RunConfig, graph: Graph) -> bool:
    """Whether a run of this config is refused by what is known before it begins."""
    try:
        method = get_method(config.method)
        method.check(config)
        require_fits(config.selection, graph, method.scored(config, graph))
        require_spread(config.selection, config.n or 0)
    except EdgewiseError:
        return True
    return False


def begun(base: RunConfig, folder: Path) -> None:
    """What is refused beforehand is refused; all else can be selected from the scores as they are."""
    try:
        run = discover(base, folder)
    except EdgewiseError:  # hisp has no nodes, and methods that find their own circuit none either
        assert base.level == "node"
        return
    for selection in SELECTIONS:
        config = replace(base, selection=selection)
        if refused(config, run.scores.graph):
            with pytest.raises(EdgewiseError):
                discover(config, folder)
        else:
            assert discover(config, folder).config.selection == selection


@pytest.mark.slow
@pytest.mark.parametrize("level", ["edge", "node"])
@pytest.mark.parametrize("method", method_names())
def test_whatever_passes_the_first_check_can_be_selected(method: str, level: Any, tmp_path: Path) -> None:
    # Any circuit is measured alike, whichever method the scores come from.
    evaluate = method == "eap"
    config = replace(PLANTED, method=method, level=level, settings=OWN.get(method, {}), evaluate=evaluate)
    begun(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("only", "level"),
    [(("*->logits",), "edge"), (("input->*",), "edge"), (("a0.*", "m0"), "node"), (("m1->logits",), "edge")],
)
@pytest.mark.parametrize("n", [1, 4])
def test_so_it_can_where_a_part_is_scored(only: tuple[str, ...], level: Any, n: int, tmp_path: Path) -> None:
    begun(patching(*only, level=level, n=n), tmp_path / "run")


@pytest.mark.parametrize("level", ["edge", "node"])
def test_shares_are_of_what_is_scored(level: Any, tmp_path: Path) -> None:
    only = "*->logits" if level == "edge" else "a*"
    run = discover(patching(only, level=level), tmp_path / "run")
    graph = run.scores.graph
    writers = graph.n_sources if level == "edge" else sum(name.startswith("a") for name in graph.sources)
    assert int((~np.isnan(run.scores.values)).sum()) == writers
    for selection, share in ((Selection(), 1.0), (Selection(fraction=0.5), 0.5)):
        kept = discover(patching(only, level=level, selection=selection), tmp_path / "run").circuit
        chosen = kept.n_edges if level == "edge" else int(kept.mask.any(axis=1).sum())
        assert chosen == max(1, math.floor(share * writers))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (patching("*->logits", selection=Selection(top=30)), r"--top is 30, but \d+ of \d+ edges are scored; give"),
        (patching("zzz*"), "no edge of the model fits 'zzz"),
        (patching("zzz*", level="node"), "no node of the model fits 'zzz"),
        (patching("input->a0*", selection=Selection(greedy=True)), "none of the .* edges that are scored leads to"),
        (patching(selection=Selection(stable=True), n=1), "--stable needs a spread"),
    ],
)
def test_nothing_is_scored_for_a_selection_that_cannot_be_made(config: RunConfig, words: str, tmp_path: Path) -> None:
    said: list[Progress] = []
    with pytest.raises(SelectionError, match=words):
        discover(config, tmp_path / "run", Execution(report=said.append))
    assert {one.step.split()[0] for one in said} <= {"loading", "preparing", "reading"}
    assert not (tmp_path / "run").exists()


def test_another_selection_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = replace(PLANTED, bootstrap=20, evaluate=False)
    alone = discover(replace(base, selection=Selection(top=7)), tmp_path / "alone")
    discover(base, tmp_path / "run")
    scores = (tmp_path / "run" / "scores.safetensors").read_bytes()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("edgewise.runs.setup.open_model", refuse)
    anew = discover(replace(base, selection=Selection(top=7)), tmp_path / "run")
    assert (anew.selected_anew, anew.reused) == (True, False)
    assert (tmp_path / "run" / "scores.safetensors").read_bytes() == scores
    assert (tmp_path / "run" / "circuit.json").read_bytes() == (tmp_path / "alone" / "circuit.json").read_bytes()
    assert without_timing(anew.record) == without_timing(alone.record)
    assert discover(replace(base, selection=Selection(top=7)), tmp_path / "run").reused
    with pytest.raises(RunConflictError, match="seed is 0 there, 1 here"):
        discover(replace(base, seed=1, selection=Selection(top=8)), tmp_path / "run")


def test_the_faithfulness_is_that_of_the_circuit_that_is_there(tmp_path: Path) -> None:
    few, many = (replace(PLANTED, selection=Selection(top=top)) for top in (2, 20))
    alone = {config: discover(config, tmp_path / str(config.selection.top)).evaluated for config in (few, many)}
    for config in (few, many, few):
        run = discover(config, tmp_path / "run")
        want = alone[config]
        assert run.evaluated is not None
        assert want is not None
        assert run.evaluated.edges == want.edges
        assert run.evaluated.faithfulness == want.faithfulness


def test_an_impossible_selection_leaves_the_run_as_it_is(tmp_path: Path) -> None:
    discover(PLANTED, tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(SelectionError, match="--top is 9999"):
        discover(replace(PLANTED, selection=Selection(top=9999)), tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_evaluations_are_of_a_circuit_and_verifications_of_scores(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    discover(replace(PLANTED, selection=Selection(top=5)), folder)
    evaluate(circuit_of_run(folder, {}), EvaluationRequest(curve=False), folder)
    verified = verify(folder, edges=None, top_k=5)
    assert sum(effect.in_circuit for effect in verified.effects) == 5
    with pytest.warns(EdgewiseWarning, match=r"with it went evaluation-resample.json; evaluate it again"):
        run = discover(replace(PLANTED, selection=Selection(top=9, by="helpful")), folder)
    assert not list(folder.glob("evaluation-*"))
    again = verify(folder, edges=None, top_k=5)
    assert again.reused
    assert again.agreement == verified.agreement
    assert {effect.name for effect in again.effects if effect.in_circuit} == set(run.circuit.edges())


def test_a_stopped_run_goes_on_with_another_selection(tmp_path: Path) -> None:
    config = replace(patching(), batch_size=1, evaluate=False)
    steps: list[int] = []

    def stop(progress: Progress) -> None:
        if progress.step.startswith("scoring"):
            steps.append(progress.done)
            if len(steps) == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discover(config, tmp_path / "run", Execution(report=stop))
    first = max(steps)
    steps.clear()
    wanted = replace(config, selection=Selection(top=3))
    run = discover(wanted, tmp_path / "run", Execution(report=lambda one: steps.append(one.done)))
    assert first > 0
    assert min(one for one in steps if one) >= first
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["selection"]["top"] == 3
    np.testing.assert_array_equal(run.scores.values, discover(wanted, tmp_path / "whole").scores.values)
    assert load_run(tmp_path / "run").circuit == load_run(tmp_path / "whole").circuit
