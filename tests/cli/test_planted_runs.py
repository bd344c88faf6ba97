"""A planted model from the command line: found again, told apart from others, refused with a bad seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgewise.models.built import digest
from edgewise.runs.store.files import read_circuit
from planted import planted

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


def test_discover_finds_the_planted_circuit(cli: Cli, tmp_path: Path) -> None:
    truth = planted(3).circuit
    command = ["discover", "--model", "planted:3", "--task", "planted", "--out", tmp_path / "run"]
    first = cli(*command, "--top", truth.n_edges)
    assert first.code == 0
    assert first.err == ""
    assert f"circuit: {truth.n_edges} of {truth.graph.n_edges} edges" in first.out
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert stored["identity"]["model"] == digest("planted:3")
    assert stored["metric"]["name"] == "logit-diff"
    found, _ = read_circuit(tmp_path / "run" / "circuit.json")
    assert found.edges() == truth.edges()
    again = cli(*command, "--top", truth.n_edges)
    assert again.out == first.out.replace("Wrote ", "Found the finished run in ")


def test_another_seed_is_another_run(cli: Cli, tmp_path: Path) -> None:
    command = ["discover", "--task", "planted", "--n", 4, "--out", tmp_path / "run"]
    assert cli(*command, "--model", "planted:3").code == 0
    other = cli(*command, "--model", "planted:11")
    assert other.code == 2
    assert "planted:3" in other.err


def test_a_changed_generator_is_another_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["discover", "--model", "planted:3", "--task", "planted", "--n", 4, "--out", tmp_path / "run"]
    assert cli(*command).code == 0
    digest.cache_clear()
    monkeypatch.setattr("edgewise.models.identity_norms.CONSTANT", 2.0**14)
    changed = cli(*command)
    digest.cache_clear()
    assert changed.code == 2
    assert "model" in changed.err


@pytest.mark.parametrize("name", ["planted", "planted:x", "planted:-1"])
@pytest.mark.parametrize("verb", ["discover", "check"])
def test_a_bad_seed_is_refused_in_one_line(cli: Cli, tmp_path: Path, verb: str, name: str) -> None:
    options = ["--task", "planted", "--out", tmp_path / "run"] if verb == "discover" else []
    model = ["--model", name] if verb == "discover" else [name]
    said = cli(verb, *model, *options)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith(f"edgewise: error: model '{name}': ")
    assert said.err.endswith("such as planted:3\n")


def test_another_models_task_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    said = cli("discover", "--model", "planted:3", "--task", "ioi", "--out", tmp_path / "run")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_it_is_listed_and_passes_the_check(cli: Cli) -> None:
    assert "planted:SEED" in cli("list", "models").out
    assert "planted" in cli("list", "tasks").out
    assert cli("check", "planted:3").code == 0
