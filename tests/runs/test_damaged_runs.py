"""200 damaged copies of every kind of file that a run folder holds or a verb reads: a result, or one clear line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from damage import damaged, refusals
from edgewise.cli.main import run
from edgewise.errors import EdgewiseWarning
from edgewise.report.sizes import curve_of_sizes, describe_size, size_notes
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.asked_circuit import asked_circuit
from edgewise.runs.discover import discover
from edgewise.runs.evaluate import evaluate
from edgewise.runs.evaluated_circuit import circuit_of_run
from edgewise.runs.methods import get_method
from edgewise.runs.reselected import reselect
from edgewise.runs.store.checkpoint import PROGRESS, Checkpoint, load_checkpoint, save_checkpoint
from edgewise.runs.store.codec import from_json, read_json, to_json
from edgewise.runs.store.effects import read_effects, write_effects
from edgewise.runs.store.files import read_circuit, read_scores, write_circuit
from edgewise.runs.store.folder import load_run
from edgewise.runs.verify import verify
from edgewise.settings.evaluation import EvaluationRequest
from edgewise.settings.selection import Selection
from runs.stored_values import a_comparison_with_truth, a_league
from runs.test_stored_effects import effects_of

pytestmark = pytest.mark.slow

COPIES = 200
WANTED = EvaluationRequest(curve=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, data_file: Path) -> Path:
    """A run with an evaluation and a verification."""
    folder = tmp_path_factory.mktemp("damaged") / "run"
    discover(RunConfig(model=str(model_folder), data=str(data_file), batch_size=2, method="eap"), folder)
    evaluate(circuit_of_run(folder, {}), WANTED, folder)
    verify(folder, edges=30)
    return folder


def survives(path: Path, content: bytes, read: Callable[[], object]) -> None:
    """Every damaged copy at this path is read, or refused in one line that can be shown."""
    refused = refusals(path, content, read, COPIES)
    assert len(refused) > COPIES / 4, "hardly a copy was refused: is the file read at all?"


@pytest.mark.parametrize("name", ["run.json", "circuit.json", "scores.safetensors"])
def test_files_of_a_run(finished: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    survives(folder / name, (finished / name).read_bytes(), lambda: load_run(folder))


def test_files_of_exact_effects(tmp_path: Path) -> None:
    path = tmp_path / "effects.safetensors"
    write_effects(path, effects_of())
    survives(path, path.read_bytes(), lambda: read_effects(path))


@pytest.mark.parametrize("ending", ["json", "pt"])
def test_files_of_circuits(finished: Path, tmp_path: Path, ending: str) -> None:
    path, found = tmp_path / f"circuit.{ending}", load_run(finished)
    write_circuit(path, found.circuit, found.scores)

    def read() -> None:
        read_circuit(path)
        read_circuit(path, found.circuit.graph.spec)

    survives(path, path.read_bytes(), read)


def test_files_of_scores(finished: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(finished / "scores.safetensors", tmp_path))
    survives(path, path.read_bytes(), lambda: read_scores(path))


def test_evaluations(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    (path,) = folder.glob("evaluation-*.json")
    subject = circuit_of_run(folder, {})
    survives(path, path.read_bytes(), lambda: evaluate(subject, WANTED, folder))


def test_sizes(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    path, rule = folder / "sizes-keep-0.5.json", Selection(keep=0.5)
    reselect(folder, rule, tmp_path / "smallest.json")
    content = path.read_bytes()

    def read() -> None:
        found = load_run(folder).sized
        if found is not None:
            describe_size(found), size_notes(found), str(curve_of_sizes(found))

    own = folder / "sizes.json"
    survives(own, content, read)
    own.unlink()


def test_verifications(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    path = folder / "verification.json"
    survives(path, path.read_bytes(), lambda: verify(folder, edges=30))


@pytest.mark.parametrize("value", [a_comparison_with_truth(), a_league()], ids=["roc", "league"])
def test_results_of_several_runs(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "results.json"
    survives(path, json.dumps(to_json(value)).encode(), lambda: from_json(type(value), read_json(path), str(path)))


def test_truths(finished: Path, tmp_path: Path) -> None:
    run, path = load_run(finished), tmp_path / "truth.json"
    content = {"name": "mine", "edges": [name for _, _, name in run.circuit.graph.edges()][::7]}
    survives(path, json.dumps(content).encode(), lambda: asked_circuit(str(path), run.config, run.circuit.graph))


@pytest.mark.parametrize("method", ["eap", "acdc"])
def test_states_of_stopped_runs(
    model_folder: Path, data_file: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged state is never gone on from: the run begins anew, says so, and ends as one that was not stopped."""
    settings = {"tau": 0.5} if method == "acdc" else {}
    made = {"batch_size": 2, "method": method, "settings": settings, "evaluate": False}
    config = RunConfig(model=str(model_folder), data=str(data_file), **made)
    folder, original = tmp_path / "stopped", type(get_method(method)).states

    def stopped(*args: Any) -> Iterator[Any]:
        states = original(*args)
        yield next(states)
        yield next(states)
        raise KeyboardInterrupt

    whole = discover(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(type(get_method(method)), "states", stopped)
        with pytest.raises(KeyboardInterrupt):
            discover(config, folder)
    (state,) = folder.glob("*progress.safetensors")
    content = state.read_bytes()
    for copy in damaged(content, 12, 1):
        shutil.rmtree(folder)
        folder.mkdir()
        state.write_bytes(copy)
        with pytest.warns(EdgewiseWarning, match="damaged, so what is unfinished there begins anew"):
            again = discover(config, folder)
        assert again.circuit == whole.circuit
        np.testing.assert_array_equal(again.scores.values, whole.scores.values)


@pytest.mark.filterwarnings("ignore:.*begins anew")
def test_a_checkpoint_is_read_as_it_was_stored_or_not_at_all(tmp_path: Path) -> None:
    tensors = {"a": np.arange(12.0).reshape(3, 4), "done": np.array([3]), "none": np.zeros((0, 2))}
    save_checkpoint(tmp_path, Checkpoint({"config": {"n": 3}, "x": None}, tensors, 1.5))
    path = tmp_path / PROGRESS
    content = path.read_bytes()
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found.key, found.seconds, found.tensors.keys()) == ({"config": {"n": 3}, "x": None}, 1.5, tensors.keys())
    for copy in damaged(content, COPIES, 2):
        path.write_bytes(copy)
        assert copy == content or load_checkpoint(tmp_path) is None


@pytest.mark.parametrize("name", ["run.json", "circuit.json", "scores.safetensors", "verification.json"])
def test_on_the_command_line_it_is_one_line(
    finished: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    for copy in damaged((finished / name).read_bytes(), 12, 3):
        (folder / name).write_bytes(copy)
        for verb in (
            ["show"],
            ["verify", "--edges", "30"] if name == "verification.json" else ["select", "--top", "3"],
        ):
            code = run([verb[0], str(folder), *verb[1:]])
            said = capsys.readouterr().err
            assert code in (0, 2)
            assert said.count("edgewise: error: ") == (code == 2)
            assert "Traceback" not in said
            assert (folder / name).exists()
