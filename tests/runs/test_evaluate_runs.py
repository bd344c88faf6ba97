"""An evaluation beside its run: found again, resumed to the same bytes, refused when anything behind it has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tiny
from edgewise.errors import RunConflictError, RunError
from edgewise.evaluation import evaluate as evaluating
from edgewise.evaluation.evaluate import EvaluationState, evaluate_circuit
from edgewise.models import load_model
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated import Evaluated, EvaluatedPrompts
from edgewise.runs.evaluated_circuit import circuit_of_file, circuit_of_run
from edgewise.runs.prompts import read_prompts
from edgewise.runs.steps import Execution
from edgewise.runs.store.analysis import StoredResults
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.files import write_circuit
from edgewise.runs.store.folder import load_run
from edgewise.settings.conditions import Conditions
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection
from stored import contents, id_rows, save_model, write_rows

pytestmark = pytest.mark.slow

FILE = "evaluation-{}.json"
PROGRESS = "evaluation-{}.progress.safetensors"


class Stopped(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture
def folder(config: RunConfig, tmp_path: Path) -> Path:
    """A finished run of 6 edges in micro-batches of two prompts."""
    discover(replace(config, selection=Selection(top=6)), tmp_path / "run")
    return tmp_path / "run"


BRIEF = EvaluationRequest(curve=False)


def of_run(
    folder: Path, wanted: EvaluationRequest = BRIEF, overwrite: bool = False, **given: Any
) -> StoredResults[Evaluated]:
    return evaluate(circuit_of_run(folder, given), wanted, folder, execution=Execution(overwrite=overwrite))


def watch(monkeypatch: pytest.MonkeyPatch, seen: Callable[[int], None]) -> None:
    """Call a function with what is done after every state."""
    real = evaluating.Evaluator.states

    def states(self: Any, **given: Any) -> Iterator[EvaluationState]:
        for state in real(self, **given):
            yield state
            seen(state.done)

    monkeypatch.setattr(evaluating.Evaluator, "states", states)


def stop_at(done: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """End with an error once so many runs are done, each state having been stored."""

    def seen(now: int) -> None:
        if now >= done:
            raise error

    watch(monkeypatch, seen)
    monkeypatch.setattr(resume, "Saver", lambda save: SimpleNamespace(offer=save))


def test_the_numbers_are_those_of_python(folder: Path, config: RunConfig) -> None:
    stored = of_run(folder, EvaluationRequest(random=1, minimality=True))
    run, model = load_run(folder), load_model(config.model)
    prompts = read_prompts(str(config.data), model)
    found = evaluate_circuit(
        model, prompts, run.circuit, scores=run.scores, random=1, minimality=True, conditions=Conditions(batch_size=2)
    )
    assert found.curve is not None
    same = ("full", "empty", "circuit", "complement", "faithfulness", "completeness_stderr", "minimality", "batch_size")
    assert [getattr(stored.results, name) for name in same] == [getattr(found, name) for name in same]
    assert (stored.results.curve, stored.results.cpr) == (found.curve.points, found.curve.cpr)
    note = "the circuit was found on these prompts, so the numbers say how well it fits them, no more"
    assert stored.results.prompts == EvaluatedPrompts("prompts", 7, None, 0, prompts.fingerprint(), note)
    said = json.loads((folder / FILE.format("resample")).read_text())
    assert said == {"format": "edgewise-analysis", "asked": stored.asked, **to_json(stored.results)}
    assert said["edges"] == {"circuit": found.circuit_edges, "graph": found.graph_edges}
    assert said["random"]["cmd"]["mean"] == found.curve.random_cmd.mean
    assert said["axes"]["ranking"] == "top edges by abs, not pruned"


def test_the_same_question_finds_the_answer_and_loads_no_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of_run(folder)
    assert not first.reused
    before = contents(folder)
    monkeypatch.setattr("edgewise.runs.setup.open_model", None)
    again = of_run(folder)
    assert again.reused
    assert again.results == first.results
    assert contents(folder) == before
    assert sorted(before) == [
        "circuit.json",
        FILE.format("resample"),
        "examples.json",
        "run.json",
        "scores.safetensors",
    ]


@pytest.mark.parametrize("ablation", ["resample", "mean", "mean-positional"])
def test_a_stopped_evaluation_ends_with_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ablation: Any
) -> None:
    wanted = EvaluationRequest(ablation, random=1, minimality=True)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    of_run(whole, wanted)
    total = 7 * (3 + 2 * 7 + 6)  # the four but the whole model, seven sizes twice, each edge removed
    for stop in (1, 40, 110):
        with monkeypatch.context() as stopped:
            stop_at(stop, stopped, Stopped())
            with pytest.raises(Stopped):
                of_run(folder, wanted)
        assert (folder / PROGRESS.format(ablation)).exists()
        assert not (folder / FILE.format(ablation)).exists()
    seen: list[int] = []
    watch(monkeypatch, seen.append)
    of_run(folder, wanted)
    assert seen[0] >= 100
    assert seen[-1] == total
    name = FILE.format(ablation)
    assert (folder / name).read_bytes() == (whole / name).read_bytes()
    assert contents(folder).keys() == contents(whole).keys()


def test_an_interrupt_stores_the_last_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        saver = resume.Saver
        stop_at(5, stopped, KeyboardInterrupt())
        stopped.setattr(resume, "Saver", partial(saver, least=inf))  # three seconds never pass
        with pytest.raises(KeyboardInterrupt):
            of_run(folder)
    seen: list[int] = []
    watch(monkeypatch, seen.append)
    of_run(folder)
    assert seen[0] >= 5


def test_another_question_is_refused_finished_or_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        stop_at(10, stopped, Stopped())
        with pytest.raises(Stopped):
            of_run(folder)
    with pytest.raises(RunConflictError, match=r"another unfinished result \(n is None there, 3 here\); use --over"):
        of_run(folder, n=3)
    of_run(folder)
    with pytest.raises(RunConflictError, match=r"another result \(minimality is False there, True"):
        of_run(folder, EvaluationRequest(curve=False, minimality=True))
    assert of_run(folder, EvaluationRequest("zero", curve=False)).path == folder / FILE.format(
        "zero"
    )  # another ablation, another file
    assert not of_run(folder, n=3, overwrite=True).reused
    assert of_run(folder, n=3).results.prompts.n == 3


def test_other_circuits_scores_models_and_data_are_told_apart(config: RunConfig, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model")
    data = write_rows(tmp_path / "rows.jsonl", id_rows())
    own, folder = replace(config, model=str(model), data=str(data)), tmp_path / "run"
    discover(own, folder)
    of_run(folder)
    write_circuit(folder / "circuit.json", load_run(folder).circuit.complement())
    with pytest.raises(RunConflictError, match=r"another result \(circuit is '\w{64}' there, '\w{64}' here\)"):
        of_run(folder)
    discover(own, folder, execution=Execution(overwrite=True))
    of_run(folder)
    save_model(model, tiny.gpt2(seed=1))
    with pytest.raises(
        RunConflictError,
        match=r"circuit was found, the files behind model have changed: model.safetensors differs; put",
    ):
        of_run(folder)
    save_model(model)
    assert of_run(folder).reused
    write_rows(data, id_rows(seed=1))
    with pytest.raises(RunConflictError, match="the files behind data have changed; put"):
        of_run(folder)


def test_a_replaced_run_takes_its_analyses_along(folder: Path, config: RunConfig) -> None:
    of_run(folder)
    for name in (PROGRESS.format("zero"), "verification.json", "verification.progress.safetensors", "evaluation.txt"):
        (folder / name).write_bytes(b"")
    discover(replace(config, selection=Selection(top=6)), folder)  # found again: nothing goes
    assert (folder / FILE.format("resample")).exists()
    discover(config, folder, execution=Execution(overwrite=True))
    assert sorted(contents(folder)) == [
        "circuit.json",
        "evaluation.txt",
        "examples.json",
        "run.json",
        "scores.safetensors",
    ]


def test_a_run_does_not_replace_the_evaluation_of_a_file(folder: Path, config: RunConfig, tmp_path: Path) -> None:
    subject = circuit_of_file(folder / "circuit.json", {"model": config.model, "data": config.data})
    evaluate(subject, BRIEF, tmp_path / "kept")
    with pytest.raises(RunConflictError, match=r"holds evaluation-resample.json of no finished run; choose another"):
        discover(config, tmp_path / "kept")
    assert list(contents(tmp_path / "kept")) == [FILE.format("resample")]


def test_a_file_that_changes_meanwhile_is_not_evaluated(folder: Path, config: RunConfig, tmp_path: Path) -> None:
    path = shutil.copy(folder / "circuit.json", tmp_path / "circuit.json")
    subject = circuit_of_file(path, {"model": config.model, "data": config.data})
    write_circuit(path, load_run(folder).circuit.complement())
    with pytest.raises(RunConflictError, match="changed meanwhile"):
        evaluate(subject, BRIEF, None)


def test_memory_that_runs_out_changes_no_number(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of_run(folder, EvaluationRequest("mean", curve=False), batch_size=4)
    real = evaluating.CircuitRuns.open

    def scarce(self: Any, batch: Any) -> Any:
        if batch.n_rows > 2:
            raise MemoryError
        return real(self, batch)

    monkeypatch.setattr(evaluating.CircuitRuns, "open", scarce)
    with pytest.warns(UserWarning, match="out of memory"):
        found = of_run(folder, EvaluationRequest("mean", curve=False), batch_size=4, overwrite=True)
    assert (found.results.batch_size, whole.results.batch_size) == (2, 4)
    assert found.results.faithfulness == pytest.approx(whole.results.faithfulness, abs=1e-4)
    assert found.results.warnings == (
        "memory ran out with 4 prompts at a time, so 2 were run at a time; no result changed",
    )


def test_a_run_that_is_replaced_meanwhile_is_not_evaluated(folder: Path, config: RunConfig) -> None:
    subject = circuit_of_run(folder, {})
    discover(config, folder, execution=Execution(overwrite=True))
    with pytest.raises(RunConflictError, match="another run was put there meanwhile"):
        evaluate(subject, EvaluationRequest(), folder)


def test_other_data_brings_its_own_rows_and_no_note(folder: Path, tmp_path: Path) -> None:
    other = write_rows(tmp_path / "other.jsonl", id_rows(4, seed=9))
    found = of_run(folder, data=str(other)).results
    assert (found.prompts.n, found.prompts.note) == (4, None)
    same = write_rows(tmp_path / "copy.jsonl", id_rows())
    note = of_run(folder, data=str(same), overwrite=True).results.prompts.note
    assert note.startswith("the circuit was found on these prompts")


def test_a_task_is_evaluated_on_held_out_prompts(tmp_path: Path) -> None:
    config = RunConfig(model="planted:3", task="planted", n=12, seed=4)
    discover(config, tmp_path / "run")
    stored = of_run(tmp_path / "run")
    found = stored.results
    assert found.prompts.split == "held-out"
    assert (found.prompts.n, found.prompts.note, stored.asked["seed"]) == (12, None, 4)
    assert found.prompts.fingerprint != load_run(tmp_path / "run").record.prompts.fingerprint
    discover(replace(config, split="held-out"), tmp_path / "other")
    assert "the circuit was found on these prompts" in of_run(tmp_path / "other").results.prompts.note
    moved = of_run(tmp_path / "other", seed=5, overwrite=True).results.prompts
    assert moved.note == "the circuit was found on held-out prompts too"


def test_a_node_level_run_has_a_curve_over_nodes(config: RunConfig, tmp_path: Path) -> None:
    discover(replace(config, level="node", selection=Selection(top=8)), tmp_path / "run")
    found = of_run(tmp_path / "run", EvaluationRequest(random=0)).results
    assert found.axes.x == "fraction of nodes, linear"
    assert found.curve[8].faithfulness == pytest.approx(found.faithfulness, abs=1e-5)


def test_a_file_is_evaluated_with_and_without_a_folder(folder: Path, config: RunConfig, tmp_path: Path) -> None:
    given = {"model": config.model, "data": config.data, "batch_size": 2}
    subject = circuit_of_file(folder / "circuit.json", given)
    loose = evaluate(subject, EvaluationRequest(random=1), None)
    assert loose.path is None
    kept = evaluate(subject, EvaluationRequest(random=1), tmp_path / "kept")
    assert kept.results == loose.results
    assert sorted(contents(tmp_path / "kept")) == [FILE.format("resample")]
    assert evaluate(subject, EvaluationRequest(random=1), tmp_path / "kept").reused
    by_run = of_run(folder, EvaluationRequest(random=1)).results
    assert kept.results.circuit == by_run.circuit
    assert kept.results.cpr == pytest.approx(by_run.cpr)  # the scores of the file are those of the run
    assert kept.results.prompts.note is None


def test_a_file_for_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(RunError, match=r"a file, not a run folder; evaluate a circuit file with --circuit"):
        circuit_of_run(folder / "circuit.json", {})
