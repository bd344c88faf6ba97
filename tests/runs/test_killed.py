"""Every long command, killed at random moments, ends with the same bytes as one that was left alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edgewise.runs.store.checkpoint import PROGRESS
from killing import COMMANDS, DEMO, Moment, finished_run, run_to_the_end, same_bytes, started

# Of each command: one in the model, one at the file system.
KILLS = 2
LONG = ("discover", *DEMO, "--method", "activation-patching", "--n", "200")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, for commands that take one."""
    return finished_run(tmp_path_factory.mktemp("finished") / "run")


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments(name: str, finished: Path, tmp_path: Path) -> None:
    killed = same_bytes(name, finished, tmp_path, KILLS, Random(name))
    assert killed.kills >= KILLS
    assert killed.went_on >= 1
    assert killed.lost == 0


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A sweep that was left alone, and how often it called a module of the model."""
    folder = tmp_path_factory.mktemp("swept") / "whole"
    return folder, run_to_the_end((*COMMANDS["sweep"][0], str(folder)))["modules"]


@pytest.mark.parametrize("file", ["tau-0.1/circuit.json", "tau-0.1/run.json", "tau-0.5/run.json", "s/sweep.json"])
def test_a_sweep_killed_within_a_write_goes_on(file: str, swept: tuple[Path, int], tmp_path: Path) -> None:
    (arguments, _, results), (whole, modules) = COMMANDS["sweep"], swept
    process = started((*arguments, str(tmp_path / "s")), Moment(path=file))
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "s" / "sweep.json").exists()
    again = run_to_the_end((*arguments, str(tmp_path / "s")))
    assert again["modules"] < modules / 2, "what was scored is not scored again"
    for name in results:
        assert (tmp_path / "s" / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "s").rglob("*")) == sorted(path.name for path in whole.rglob("*"))


def begun(folder: Path, errors: Path | None = None) -> Any:
    """A run that has stored its first state and has long to go."""
    process = started((*LONG, "--out", str(folder)), errors=errors)
    while process.is_alive() and not (folder / PROGRESS).exists():
        process.join(0.05)
    return process


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    process = begun(tmp_path / "run", tmp_path / "said")
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130
    said = (tmp_path / "said").read_text()
    assert said.splitlines()[-1] == "edgewise: interrupted; start the same command again to go on from here"
    assert "Traceback" not in said
    assert (tmp_path / "run" / PROGRESS).exists()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    first = begun(tmp_path / "run")
    try:
        second = started((*LONG, "--out", str(tmp_path / "run")), errors=tmp_path / "said")
        second.join()
    finally:
        first.kill()
        first.join()
    assert second.exitcode == 2
    said = (tmp_path / "said").read_text()
    assert "another process is writing to this run folder" in said
    assert len(said.splitlines()) == 1
