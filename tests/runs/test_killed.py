"""Commands that are killed, or whose disk fails, and are started again, end with the bytes of one left alone."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from edgewise.runs.store.checkpoint import PROGRESS
from kill_cases import CASES, MODEL
from killing import CONTEXT, Moment, Ordeal, Stage, contents, started, watched_in

FEW = ("discover: hisp", "discover: acdc sweep", "evaluate: a file", "select")
SWEEP = next(case for case in CASES if case.name == "discover: acdc sweep").arguments
LONG = ("discover", *MODEL, "--method", "activation-patching", "--n", "200", "--out", "run")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")]


def test_killed_and_out_of_room(tmp_path: Path) -> None:
    """Some of what ``scripts/kill_runs.py`` does to all commands."""
    ended(CONTEXT.Process(target=_some_trials, args=(tmp_path,)))
    trials = json.loads((tmp_path / "trials.json").read_text())
    assert [trial for trial in trials if trial["fault"]] == []
    moments = [moment for trial in trials for moment in trial["moments"]]
    assert sum(moment["fails"] == 0 for moment in moments) >= 20
    assert sum(moment["fails"] > 0 for moment in moments) == 3 * len(FEW)


def _some_trials(home: Path) -> None:
    stage = Stage(home / "stage")
    ordeals = [Ordeal(case, stage) for case in CASES if case.name in FEW]
    trials = [ordeal.trial(number, 0) for number in range(5) for ordeal in ordeals]
    trials += [ordeal.failing(number, 0) for number in (3, 10, 20) for ordeal in ordeals]
    (home / "trials.json").write_text(json.dumps([asdict(trial) for trial in trials]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_a_sweep_killed_within_a_write_scores_nothing_again(folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    ended(started(SWEEP, alone))
    whole = watched_in(tmp_path / "seen.json").modules
    process = started(SWEEP, folder, Moment("", path="tau-0.2/run.json"))
    process.join()
    assert process.exitcode == -signal.SIGKILL
    ended(started(SWEEP, folder))
    assert watched_in(tmp_path / "seen.json").modules < whole / 2
    assert contents(folder) == contents(alone)


def begun(folder: Path) -> Any:
    """A run that has stored its first state and has long to go."""
    process = started(LONG, folder)
    while process.is_alive() and not (folder / "run" / PROGRESS).exists():
        process.join(0.05)
    return process


def ended(process: Any) -> None:
    """Start a process that was not started yet, and wait until it is done."""
    if process.pid is None:
        process.start()
    process.join()
    assert process.exitcode == 0


def test_an_interrupt_says_how_to_go_on(folder: Path, tmp_path: Path) -> None:
    process = begun(folder)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130
    said = (tmp_path / "said").read_text()
    assert said.splitlines()[-1] == "edgewise: interrupted; start the same command again to go on from here"
    assert "Traceback" not in said
    assert (folder / "run" / PROGRESS).exists()


def test_a_second_process_is_refused(folder: Path, tmp_path: Path) -> None:
    first = begun(folder)
    try:
        second = started(LONG, folder)
        second.join()
    finally:
        first.kill()
        first.join()
    assert second.exitcode == 2
    said = (tmp_path / "said").read_text()
    assert "another process is writing to this run folder" in said
    assert len(said.splitlines()) == 1
