"""Every long command, killed at random moments, ends with the same bytes as one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import pytest

from edgewise.runs.store.checkpoint import PROGRESS
from killing import COMMANDS, DEMO, finished_run, same_bytes, started

# Of each command.
KILLS = 4

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")


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


def test_an_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgewise", "discover", *DEMO, "--method", "activation-patching", "--n", "200"]
    folder = tmp_path / "run"
    # Tests that run in the background ignore interrupts, and so would their children.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen([*command, "--out", str(folder)], stderr=subprocess.PIPE, text=True, preexec_fn=heeding)
    deadline = time.monotonic() + 60
    while not (folder / PROGRESS).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "edgewise: interrupted; start the same command again to go on from here"
    assert "Traceback" not in said
    assert (folder / PROGRESS).exists()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgewise", "discover", *DEMO, "--method", "activation-patching", "--n", "200"]
    folder = tmp_path / "run"
    first = started((*command[3:], "--out", str(folder)))
    try:
        deadline = time.monotonic() + 60
        while not (folder / PROGRESS).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True, check=False)
    finally:
        first.kill()
        first.join()
    assert second.returncode == 2
    assert "another process is writing to this run folder" in second.stderr
    assert len(second.stderr.splitlines()) == 1
