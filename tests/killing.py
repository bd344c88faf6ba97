"""Kill a command again and again at random moments, start it again each time, and see what it ends with.

Processes are forked from one that has imported everything, so that a kill meets the work and not the imports.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from edgewise.runs.store.checkpoint import PROGRESS

PRELOAD = (
    "edgewise.cli.main",
    "edgewise.cli.pictures",
    "edgewise.runs.discover",
    "edgewise.runs.methods.acdc",
    "edgewise.runs.methods.eap_acdc",
    "edgewise.runs.methods.patching",
    "edgewise.report.text",
    "killing",
)
LONGEST = 120.0

DEMO = ("--model", "demo", "--task", "ioi")
RESULTS = ("scores.safetensors", "circuit.json")
# name -> command line without its folder, the file of its state, the files it ends with
COMMANDS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "eap": (("discover", *DEMO, "--n", "300", "--batch-size", "4", "--no-pictures", "--out"), PROGRESS, RESULTS),
    "exact": (
        ("discover", *DEMO, "--method", "activation-patching", "--n", "12", "--no-pictures", "--out"),
        PROGRESS,
        RESULTS,
    ),
    "acdc": (
        ("discover", *DEMO, "--method", "acdc", "--tau", "0.05", "--n", "4", "--no-pictures", "--out"),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "hisp": (
        ("discover", *DEMO, "--method", "hisp", "--n", "120", "--batch-size", "4", "--no-pictures", "--out"),
        PROGRESS,
        RESULTS,
    ),
    "subnetwork-probing": (
        (
            *("discover", *DEMO, "--method", "subnetwork-probing", "--lambda", "1", "--steps", "40", "--lr", "0.1"),
            *("--n", "8", "--minibatch", "4", "--no-pictures", "--out"),
        ),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "checked": (
        (
            *("discover", *DEMO, "--exact", "150", "--bootstrap", "20", "--per-prompt"),
            *("--n", "40", "--batch-size", "8", "--no-pictures", "--out"),
        ),
        PROGRESS,
        RESULTS,
    ),
    "sweep": (
        ("discover", *DEMO, "--method", "acdc", "--tau", "0.1,0.5", "--n", "3", "--out"),
        PROGRESS,
        (*(f"tau-{tau}/{name}" for tau in (0.1, 0.5) for name in (*RESULTS, "trace.jsonl")), "sweep.json"),
    ),
    "eap-acdc": (
        (
            *("discover", *DEMO, "--method", "eap-acdc", "--eap-top", "150", "--tau", "0.05"),
            *("--n", "4", "--no-pictures", "--out"),
        ),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "evaluate": (
        ("evaluate", "--minimality"),
        "evaluation-resample.progress.safetensors",
        ("evaluation-resample.json",),
    ),
    "verify": (("verify", "--edges", "all"), "verification.progress.safetensors", ("verification.json",)),
}


@dataclass(frozen=True)
class Killed:
    """What came of a command that was killed.

    Args:
        kills: how often a process was killed before it had ended by itself.
        went_on: how often a state was found on the disk after a kill.
        lost: how often the state on the disk was behind that of the kill before.
    """

    kills: int
    went_on: int
    lost: int


def command(arguments: Sequence[str]) -> None:
    """Run one command in this process, quietly, and store its state whenever there is one."""
    import torch

    from edgewise.cli.main import run
    from edgewise.runs import resume
    from edgewise.runs.store.checkpoint import Saver

    torch.set_num_threads(1)
    resume.Saver = lambda save: Saver(save, least=0.0)  # type: ignore[assignment,misc]
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    os._exit(code)


def run_to_the_end(arguments: Sequence[str]) -> float:
    """Run a command in a process of its own and return the seconds it took."""
    process = started(arguments)
    begun = time.monotonic()
    process.join(LONGEST)
    assert process.exitcode == 0, f"{' '.join(arguments)}: exit code {process.exitcode}"
    return time.monotonic() - begun


def finished_run(folder: Path) -> Path:
    """A finished run, for commands that take one."""
    run_to_the_end(("discover", *DEMO, "--n", "20", "--no-pictures", "--out", str(folder)))
    return folder


def same_bytes(name: str, finished: Path, home: Path, times: int, rng: Random) -> Killed:
    """Kill a command so many times, in as many folders as that takes; all must end like an undisturbed one.

    On a busy machine all kills may come before the first state is stored: then it is killed more often.
    """
    arguments, state, results = COMMANDS[name]

    def fresh(folder: Path) -> Path:
        return folder if arguments[0] == "discover" else Path(shutil.copytree(finished, folder))

    whole = fresh(home / "whole")
    seconds = run_to_the_end((*arguments, str(whole)))
    total = Killed(0, 0, 0)
    while total.kills < times or (not total.went_on and total.kills < 5 * times):
        broken = fresh(home / f"killed-{total.kills}-{rng.random()}")
        left = max(times - total.kills, times // 2)
        killed = killed_at_random((*arguments, str(broken)), broken / state, left, seconds, rng)
        total = Killed(total.kills + killed.kills, total.went_on + killed.went_on, total.lost + killed.lost)
        for file in results:
            assert (broken / file).read_bytes() == (whole / file).read_bytes(), f"{name}: {file} differs"
        assert sorted(path.name for path in broken.iterdir()) == sorted(path.name for path in whole.iterdir())
    return total


def killed_at_random(arguments: Sequence[str], state: Path, times: int, whole: float, rng: Random) -> Killed:
    """Kill a command so many times, at moments spread over its time, and let it end then.

    Args:
        arguments: the command line.
        state: the file of its unfinished state.
        times: how often; fewer where it ends before.
        whole: seconds that it takes undisturbed.
        rng: the moments.
    """
    kills = went_on = lost = 0
    before = 0
    while kills < times:
        process = started(arguments)
        # Short lives, so that many fit into one run.
        process.join(rng.uniform(0.0, 3.0 * whole / times))
        if process.exitcode is not None:
            assert process.exitcode == 0
            break
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(LONGEST)
        kills += 1
        done = _cells(state)
        went_on += done > 0
        lost += done < before and state.exists()
        before = max(before, done)
    run_to_the_end(arguments)
    return Killed(kills, went_on, lost)


def started(arguments: Sequence[str]):  # type: ignore[no-untyped-def]
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    process = context.Process(target=command, args=(tuple(arguments),))
    process.start()
    return process


def _cells(state: Path) -> int:
    """How many numbers a stored state holds."""
    from edgewise.runs.store.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(state.parent, state.name)
    if checkpoint is None:
        return 0
    return _cells_of(checkpoint.tensors)


def _cells_of(tensors: Mapping[str, Any]) -> int:
    stages = {name.partition(".")[0] for name in tensors} & {"first", "second", "exact"}
    if stages:  # of a command that does one thing after the other
        parts = [{name.partition(".")[2]: tensors[name] for name in tensors if name.startswith(one)} for one in stages]
        return sum(map(_cells_of, parts))
    if "counts" in tensors:
        import numpy as np

        return int(sum(np.isfinite(array).sum() for name, array in tensors.items() if name.startswith("values.")))
    tests = [tensors[name] for name in tensors if name == "places" or name.endswith(".places")]
    if tests:
        return sum(map(len, tests))
    if "steps" in tensors:
        return int(tensors["steps"][1])
    return int(tensors["progress"][2])
