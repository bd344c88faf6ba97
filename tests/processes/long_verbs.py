"""Every long verb, done by one process, and by two of which one dies on the way and three that go on, on two machines.

All processes are forked from one that has imported everything and run nothing; they work together as torchrun's do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file

import killing
from edgewise.models import load_model

MODEL = ("--model", "demo", "--task", "ioi", "--dtype", "float64")
PLAIN = ("--no-pictures", "--no-evaluate")
WITHIN = 60.0


def discover(*given: str, out: str = "out") -> tuple[str, ...]:
    """A command that finds a circuit, and no more."""
    return ("discover", *MODEL, *given, *PLAIN, "--out", out)


FIRST = discover("--method", "eap", "--n", "4", "--top", "30", out="first")
SECOND = discover("--method", "hisp", "--n", "4", "--top", "30", out="second")
# Name -> the command. What several share is made once, by one process.
VERBS: Mapping[str, tuple[str, ...]] = {
    "default": discover("--bootstrap", "20", "--per-prompt", "--n", "4", "--batch-size", "1"),
    "neurons": discover("--method", "eap", "--level", "neuron", "--n", "4", "--batch-size", "1"),
    "probing": discover(
        *("--method", "subnetwork-probing", "--lambda", "1", "--steps", "6", "--lr", "0.1", "--n", "4"),
        *("--batch-size", "1"),
    ),
    "fading": discover("--method", "fading", "--steps", "2", "--n", "4", "--batch-size", "1"),
    "hisp": discover("--method", "hisp", "--n", "6", "--batch-size", "1"),
    "evaluate": ("evaluate", "first", "--n", "4", "--minimality", "--batch-size", "2"),
    "verify": ("verify", "first", "--edges", "40", "--largest", "10", "--batch-size", "2"),
    "roc": (
        *("roc", *MODEL, "--n", "2", "--methods", "eap,acdc:kl", "--taus", "0.2", "--truth", "exact:5%"),
        *("--bootstrap", "20", "--batch-size", "1", "--out", "out"),
    ),
    "league": (
        *("league", "--models", "demo", "--dtype", "float64", "--tasks", "ioi", "--n", "2", "--methods", "eap"),
        *("--batch-size", "1", "--out", "out"),
    ),
    "compare": ("compare", "first", "second", "--n", "16", "--random", "1", "--batch-size", "16", "--out", "out"),
    "shared": ("shared", "first", "second", "--random", "1", "--batch-size", "1", "--out", "out"),
    "specificity": (
        *("specificity", "first", "second", "--tasks", "ioi,induction", "--prompts", "4", "--circuits", "1"),
        *("--batch-size", "1", "--out", "out.json"),
    ),
}  # fmt: skip


def all_of_them(home: Path, names: Sequence[str]) -> None:
    """Do every verb both ways, each in folders of its own; what came of it goes to ``home/told.json``."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    load_model("demo")
    made = home / "made"
    made.mkdir(parents=True)
    for before in (FIRST, SECOND):
        assert set(together(1, before, made)) == {0}
    told: dict[str, Any] = {}
    for name in names:
        alone, shared = (home / name / kind for kind in ("alone", "shared"))
        for folder in (alone, shared):
            shutil.copytree(made, folder)
        one = together(1, VERBS[name], alone)
        calls = calls_of(alone, 1)
        states = int((alone.parent / "states-0").read_text())
        begun = time.monotonic()
        two = together(2, VERBS[name], shared, dies_at=max(1, states // 4)) if states else []
        took, last = time.monotonic() - begun, (shared.parent / "said-0").read_text() if two else ""
        three = together(3, VERBS[name], shared)
        told[name] = {
            "codes": (one, three),
            "killed": two,
            "took": took,
            "words": last,
            "calls": (calls, calls_of(shared, 3)),
            "said": [(shared.parent / f"said-{rank}").read_text()[-500:] for rank in range(3)],
        }
    (home / "told.json").write_text(json.dumps(told))


def calls_of(folder: Path, n: int) -> list[int]:
    """How many modules of models each process called, by rank."""
    files = [folder.parent / f"calls-{rank}" for rank in range(n)]
    return [int(file.read_text()) for file in files if file.exists()]


def together(n: int, arguments: Sequence[str], folder: Path, dies_at: int = 0) -> list[int]:
    """Exit codes of n processes that carry out one command, by rank; the last dies at one of its states."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(n):
        child = os.fork()
        if child == 0:
            _end(lambda rank=rank: _rank(rank, n, port, arguments, folder, dies_at if rank == n - 1 else 0))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    killing.import_all(json.loads((folder.parent / "modules-0").read_text()))
    return codes


def _end(work: Callable[[], int]) -> None:
    code = killing.BROKEN
    try:
        code = work()
    finally:
        os._exit(code)


def surroundings(rank: int, n: int) -> dict[str, str]:
    """What torch's launchers tell a process of n, two a machine, begun by SLURM where there are several machines."""
    machine, place = divmod(rank, 2)
    slurm = {"SLURM_PROCID": f"{machine}", "SLURM_NODEID": f"{machine}", "SLURM_NTASKS": f"{(n + 1) // 2}"}
    told = {"RANK": rank, "WORLD_SIZE": n, "LOCAL_RANK": place, "LOCAL_WORLD_SIZE": min(2, n - 2 * machine)}
    return {name: f"{value}" for name, value in told.items()} | (slurm if n > 2 else {})


def _rank(rank: int, n: int, port: int, arguments: Sequence[str], folder: Path, dies_at: int) -> int:
    from edgewise.cli.main import run
    from edgewise.runs import resume

    beside, calls, states = folder.parent, [0], [0]
    if n > 1:
        os.environ |= surroundings(rank, n) | {"MASTER_ADDR": "localhost", "MASTER_PORT": f"{port}"}
    killing._redirect(beside / f"said-{rank}")
    os.chdir(folder)
    killing.stop_clocks()
    killing._draw_no_pixels()

    class Saver:
        def __init__(self, save: Callable[[Any], None]) -> None:
            self._save = save

        def offer(self, state: Any) -> None:
            states[0] += 1
            if states[0] == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self._save(state)

    def called(*_: Any) -> None:
        calls[0] += 1

    resume.Saver = Saver  # type: ignore[assignment,misc]
    torch.nn.modules.module.register_module_forward_pre_hook(called)
    code = run(arguments)
    (beside / f"calls-{rank}").write_text(f"{calls[0]}")
    (beside / f"states-{rank}").write_text(f"{states[0]}")
    (beside / f"modules-{rank}").write_text(json.dumps(list(sys.modules)))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def numbers(folder: Path) -> dict[str, Any]:
    """All that stands in a folder's files of numbers."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            found[name] = dict(load_file(path))
    return found
