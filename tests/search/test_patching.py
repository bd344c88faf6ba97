"""A pass of activation patching: what is chosen, in what portions, stopped and gone on with."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from edgewise.engine.partial.exact import SinglePatches
from edgewise.errors import DataError, MetricError, RunError, ScoreError, SelectionError, SettingError
from edgewise.graph import Graph, GraphSpec
from edgewise.graph.scores import EdgeScores
from edgewise.models import load_model
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.methods import patching as methods_patching
from edgewise.search import PatchingState, patch_edges, patching
from edgewise.search.exact.targets import named_edges
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from stored import id_rows, save_model, write_rows
from tiny import prompts

pytestmark = pytest.mark.slow

MODEL = load_model(tiny.gpt2(n_layer=2, n_head=2, n_embd=16))
"""46 edges."""
PROMPTS = prompts(5, seed=3)
WHOLE = patch_edges(MODEL, PROMPTS, conditions=Conditions(batch_size=2), per_prompt=True)


def named(scores: EdgeScores) -> dict[str, float]:
    return {
        name: float(scores.values[i, j]) for i, j, name in scores.graph.edges() if not np.isnan(scores.values[i, j])
    }


@pytest.mark.parametrize("batch_size", [1, 3, 5, 100, None])
def test_the_size_of_a_batch_changes_nothing(batch_size: int | None) -> None:
    found = patch_edges(MODEL, PROMPTS, conditions=Conditions(batch_size=batch_size), per_prompt=True)
    for name in ("values", "stderr", "mean_abs", "per_prompt"):
        np.testing.assert_allclose(getattr(found, name), getattr(WHOLE, name), atol=1e-12)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["a0.h1->m1"], ["a0.h1->m1"]),
        (["*->logits"], ["input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1"]),
        (["m0->a1.h?<q>", "input->m0"], ["input->m0", "m0->a1.h0<q>", "m0->a1.h1<q>"]),
        (["m0->*", "m0->m1"], ["a1.h0<q>", "a1.h1<q>", "a1.h0<k>", "a1.h1<k>", "a1.h0<v>", "a1.h1<v>", "m1", "logits"]),
    ],
)
def test_only_some_edges(only: list[str], expected: list[str]) -> None:
    if only == ["*->logits"]:
        expected = [f"{source}->logits" for source in expected]
    if only[0] == "m0->*":
        expected = [f"m0->{destination}" for destination in expected]
    found = named(patch_edges(MODEL, PROMPTS, only=only, conditions=Conditions(batch_size=2)))
    assert found.keys() == set(expected)
    whole = named(WHOLE)
    assert found == pytest.approx({name: whole[name] for name in expected}, abs=1e-12)


def test_a_mask_of_edges() -> None:
    chosen = np.random.default_rng(0).random(MODEL.graph.mask.shape) < 0.3
    found = patch_edges(MODEL, PROMPTS, only=chosen, conditions=Conditions(batch_size=2))
    np.testing.assert_array_equal(~np.isnan(found.values), chosen & MODEL.graph.mask)
    np.testing.assert_allclose(found.values, np.where(chosen, WHOLE.values, np.nan), atol=1e-12)


def test_only_some_nodes() -> None:
    whole = patch_edges(MODEL, PROMPTS, level="node", conditions=Conditions(batch_size=2))
    found = patch_edges(MODEL, PROMPTS, level="node", only=["a1.*", "input"], conditions=Conditions(batch_size=2))
    rows = [MODEL.graph.source_index(name) for name in ("input", "a1.h0", "a1.h1")]
    assert np.flatnonzero(~np.isnan(found.values)).tolist() == rows
    np.testing.assert_allclose(found.values[rows], whole.values[rows], atol=1e-12)


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"only": ["a0.h9->m1"]}, SelectionError, "unknown source 'a0.h9'"),
        ({"only": ["m1->m0"]}, SelectionError, "does not exist"),
        ({"only": ["x*->logits"]}, SelectionError, r"no edge of the model fits 'x\*->logits'"),
        ({"only": ["a1.h7"], "level": "node"}, SelectionError, "no node of the model fits 'a1.h7'"),
        ({"only": np.zeros(MODEL.graph.mask.shape, dtype=bool)}, DataError, "no edge was chosen"),
        ({"only": MODEL.graph.mask, "level": "node"}, DataError, "a mask chooses edges"),
        ({"level": "head"}, DataError, "level 'head' is not known"),
        ({"metric": lambda logits, batch: logits[:, 0]}, MetricError, "metric"),
    ],
)
def test_mistakes_are_refused(asked: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        patch_edges(MODEL, PROMPTS, **asked)


def test_one_prompt_has_no_standard_error() -> None:
    found = patch_edges(MODEL, PROMPTS[:1])
    assert np.isnan(found.stderr).all()
    np.testing.assert_allclose(found.values, WHOLE.per_prompt[0], atol=1e-12)


def test_states_count_up_to_the_whole() -> None:
    states = [
        (state.done, state.total, state.finished)
        for state in patching(MODEL, PROMPTS, conditions=Conditions(batch_size=2))
    ]
    done = [count for count, _, _ in states]
    assert done == sorted(done)
    assert (done[0], states[0][2]) == (0, False)
    assert states[-1] == (states[0][1], states[0][1], True)
    assert sum(finished for _, _, finished in states) == 1
    unfinished = next(patching(MODEL, PROMPTS, conditions=Conditions(batch_size=2)))
    with pytest.raises(ScoreError, match="finish the pass first"):
        unfinished.scores()


@pytest.mark.parametrize("level", ["edge", "node"])
def test_a_pass_goes_on_from_any_state_and_ends_with_the_same_bits(level: Any) -> None:
    def go_on(stored: dict[str, np.ndarray] | None) -> list[tuple[dict[str, np.ndarray], PatchingState]]:
        states = patching(
            MODEL, PROMPTS, level=level, conditions=Conditions(batch_size=2), per_prompt=True, stored=stored
        )
        return [({name: array.copy() for name, array in state.tensors().items()}, state) for state in states]

    whole = go_on(None)
    final = whole[-1][1]
    for stop in range(0, len(whole), 3):
        rest = go_on(whole[stop][0])
        assert len(rest) == len(whole) - stop  # what was done is not done again
        for name in ("values", "stderr", "per_prompt"):
            assert getattr(rest[-1][1].scores(), name).tobytes() == getattr(final.scores(), name).tobytes()
        assert rest[-1][1].clean_metric.tobytes() == final.clean_metric.tobytes()
        assert rest[-1][1].corrupted_metric.tobytes() == final.corrupted_metric.tobytes()


def test_a_state_of_other_prompts_is_refused() -> None:
    stored = dict(next(patching(MODEL, PROMPTS, conditions=Conditions(batch_size=2))).tensors())
    with pytest.raises(DataError, match="begin again"):
        list(patching(MODEL, PROMPTS[:3], stored=stored))
    with pytest.raises(DataError, match="begin again"):
        list(patching(MODEL, PROMPTS, only=["m0->m1"], stored=stored))


def test_where_memory_runs_out_less_is_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SinglePatches.edges

    def edges(self: SinglePatches, some: list[tuple[int, int]]) -> torch.Tensor:
        if len(some) > 2 or len(self.clean_logits) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, some)

    monkeypatch.setattr(SinglePatches, "edges", edges)
    with pytest.warns(UserWarning, match="out of memory"):
        *_, last = patching(MODEL, PROMPTS, only=["*->m1", "*->logits"], conditions=Conditions(batch_size=5))
    assert (last.planned_batch_size, last.batch_size) == (5, 2)
    found, whole = named(last.scores()), named(WHOLE)
    assert found == pytest.approx({name: whole[name] for name in found}, abs=1e-12)
    assert len(found) == 13


def test_a_run_of_the_method_stores_the_effects_and_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through `discover`: the same bytes after being stopped at several points."""
    model = save_model(tmp_path / "model", tiny.gpt2(n_layer=2, n_head=2, n_embd=16))
    data = write_rows(tmp_path / "rows.jsonl", id_rows(5))
    asked = RunConfig(
        str(model),
        data=str(data),
        method="activation-patching",
        batch_size=2,
        dtype="float64",
        selection=Selection(top=5),
    )
    whole = discover(asked, tmp_path / "whole")
    expected = patch_edges(
        load_model(str(model), dtype="float64"), prompts(5, seed=0), conditions=Conditions(batch_size=2)
    )
    np.testing.assert_allclose(whole.scores.values, expected.values, atol=1e-12)

    class _EveryState:
        def __init__(self, save: Any) -> None:
            self.offer = save

    for stop in (0, 2, 7):
        with monkeypatch.context() as stopped:

            def broken(*args: Any, stop: int = stop, **kwargs: Any) -> Any:
                for number, state in enumerate(patching(*args, **kwargs)):
                    yield state
                    if number == stop:
                        raise RunError("stopped")

            stopped.setattr(methods_patching, "patching", broken)
            stopped.setattr(resume, "Saver", _EveryState)
            with pytest.raises(RunError, match="stopped"):
                discover(asked, tmp_path / f"run{stop}")
        again = discover(asked, tmp_path / f"run{stop}")
        for name in ("scores.safetensors", "circuit.json"):
            assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), stop


def test_chosen_edges_alone_are_stored_and_kept(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", tiny.gpt2(n_layer=2, n_head=2, n_embd=16))
    data = write_rows(tmp_path / "rows.jsonl", id_rows(3))
    asked = RunConfig(
        str(model),
        data=str(data),
        method="activation-patching",
        settings={"only": ["*->logits"]},
        selection=Selection(top=3),
    )
    run = discover(asked, tmp_path / "run")
    assert len(named(run.scores)) == 7
    assert run.circuit.n_edges == 3
    assert all(name.endswith("->logits") for name in run.circuit.edges())
    with pytest.raises(SelectionError):
        discover(
            RunConfig(str(model), data=str(data), method="activation-patching", settings={"only": ["m7->*"]}),
            tmp_path / "no",
        )
    with pytest.raises(SettingError, match=r"--only belongs to method 'activation-patching', not to 'eap\+exact'"):
        discover(RunConfig(str(model), data=str(data), settings={"only": ["*->logits"]}), tmp_path / "no")


@pytest.mark.parametrize(
    "pattern", ["*->logits", "a?.h1->*", "*", "a1*", "*m*->a2*<k>", "*>m?", "a[01].h0->*", "input*logits"]
)
def test_a_pattern_fits_the_names_that_it_fits(pattern: str) -> None:
    graph = Graph(GraphSpec(3, 2, 4))
    fitting = named_edges(graph, [pattern])
    assert [name for i, j, name in graph.edges() if fitting[i, j]] == [
        name for _, _, name in graph.edges() if fnmatchcase(name, pattern)
    ]
