"""`--processes N`: a death ends all with one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from edgewise.runs.store.lock import LOCK

pytestmark = pytest.mark.slow

EDGEWISE = (sys.executable, "-m", "edgewise")
DEMO = ("--model", "demo", "--task", "ioi", "--no-pictures", "--no-evaluate")
PATCHING = (*DEMO, "--n", "100", "--batch-size", "3", "--method", "activation-patching", "--top", "50")
WITHIN = 300


def edgewise(*given: str | Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run([*EDGEWISE, *map(str, given)], capture_output=True, text=True, timeout=WITHIN)
    assert (done.returncode == 0) == ok, done.stderr
    return done


def rank_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("RANK")
    except psutil.Error:
        return None


def killed(given: Sequence[str], folder: Path, rank: int) -> tuple[int, str, float]:
    """Kill one process once work has begun; the exit code, what was said, and seconds until all had ended."""
    with subprocess.Popen([*EDGEWISE, *given, "--out", str(folder)], stderr=subprocess.PIPE, text=True) as run:
        until = time.monotonic() + WITHIN
        while not (folder / LOCK).is_file():
            assert run.poll() is None, run.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.02)
        (victim,) = (one for one in psutil.Process(run.pid).children(recursive=True) if rank_of(one) == str(rank))
        os.kill(victim.pid, signal.SIGKILL)
        begun = time.monotonic()
        _, said = run.communicate(timeout=WITHIN)
        return run.returncode, said, time.monotonic() - begun


def test_a_death_ends_all_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code, said, seconds = killed(("discover", *PATCHING, "--processes", "2"), tmp_path / "shared", rank=1)
    last = said.strip().splitlines()[-1]
    assert code == 2
    assert last.startswith("edgewise: error: process 1 was ended by SIGKILL, and the others with it")
    assert "Traceback" not in said
    assert seconds < 60


@pytest.mark.parametrize("number", ["0", "two", "-1"])
def test_no_number_of_processes(number: str) -> None:
    said = edgewise("discover", *DEMO, "--out", "nowhere", f"--processes={number}", ok=False).stderr
    assert said.startswith(f"edgewise: error: --processes is '{number}'")


def test_a_launched_process_ends_without_the_interpreters_own_end(tmp_path: Path) -> None:
    program = """
import atexit, builtins, os, sys
from edgewise.cli.launch import leave
class Held:
    def __del__(self): os.abort()
builtins.held = Held()
atexit.register(lambda: print("tidied"))
print("said", end=" ")
leave(3)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WITHIN)
    assert (done.returncode, done.stdout) == (3, "said tidied\n")
