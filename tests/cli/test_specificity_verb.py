"""Circuits on other tasks, against the evaluation of one circuit on one set of prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgewise.errors import RunError
from edgewise.evaluation.specificity import random_circuits
from edgewise.graph import Circuit
from edgewise.runs.specificity import specificity

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import find_circuit
    from edgewise.settings.selection import Selection

    out = tmp_path_factory.mktemp("runs") / "ioi"
    find_circuit(RunConfig("demo", task="ioi", n=12, method="eap", selection=Selection(top=60)), out)
    return out


def test_each_number_is_that_of_an_evaluation_of_its_own(folder: Path, tmp_path: Path) -> None:
    import edgewise
    from edgewise import evaluate

    found = specificity([folder], ["ioi", "induction"], n=8, random=2, batch_size=3)
    assert repr(found) == "Specificity(1 circuits of demo on 2 tasks, 8 prompts each)"
    asked = {"tasks": ["ioi", "induction"], "prompts": 8, "circuits": 2, "batch_size": 3, "progress": False}
    assert edgewise.specificity(folder, **asked, out=tmp_path / "matrix.json") == found
    assert len(json.loads((tmp_path / "matrix.json").read_text())["cells"]) == 2
    assert [(cell.task, cell.own) for cell in found.cells] == [("ioi", True), ("induction", False)]
    for cell in found.cells:
        alone = evaluate(
            circuit=folder / "circuit.json", model="demo", task=cell.task, n=8, curve=False, progress=False
        )
        assert cell.carried is not None
        assert cell.carried.faithfulness == pytest.approx(alone.faithfulness, abs=1e-5)
        assert cell.carried.stderr == pytest.approx(alone.faithfulness_stderr, abs=1e-5)
        assert cell.carried.full == pytest.approx(alone.full.metric, abs=1e-4)
        assert len(cell.carried.random) == 2


def test_random_circuits_have_as_many_edges_of_the_graph(folder: Path) -> None:
    from edgewise.runs.store.folder import load_run

    circuit = load_run(folder).circuit
    one, two = random_circuits(circuit, 2, seed=0)
    assert one.sum() == two.sum() == circuit.n_edges == 60
    assert not (one & ~circuit.graph.mask).any()
    assert (one != two).any()
    assert all((a == b).all() for a, b in zip(random_circuits(circuit, 2, seed=0), (one, two), strict=True))
    whole = Circuit(circuit.graph, np.array(circuit.graph.mask))
    assert (random_circuits(whole, 1, seed=3)[0] == circuit.graph.mask).all()


def test_the_verb_marks_its_own_task_and_says_what_else_is_kept(cli: Cli, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "matrix.json"
    said = cli("specificity", folder, "--tasks", "ioi,capitals", "--prompts", 4, "--circuits", 1, "--out", out)
    assert said.code == 0, said
    assert "ioi (its own)" in said.out
    assert "capitals: " in said.out, "the demo model has not its words"
    assert f"{folder}: on no other task can what the circuit keeps be told" in said.out
    stored = json.loads(out.read_text())
    assert stored["edges"] == [60]
    assert [cell["refused"] == "" for cell in stored["cells"]] == [True, False]


def test_runs_of_several_models_and_tasks_without_words_are_refused(folder: Path, tmp_path: Path) -> None:
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import find_circuit

    other = tmp_path / "planted"
    find_circuit(RunConfig("planted:0", task="planted", n=4, method="eap"), other)
    with pytest.raises(RunError, match="are of different models; give runs of one"):
        specificity([folder, other], None, n=4, random=0)
    with pytest.raises(RunError, match="has the words of none of the tasks capitals; name others"):
        specificity([folder], ["capitals"], n=4, random=0)
