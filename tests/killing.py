"""Kill a command again and again at random moments, start it again each time, and see what it ends with.

Processes are forked from one that has imported everything, so that a kill meets the work and not the imports. A moment
is a number of events, not of seconds, so that a slow machine is killed where a fast one is: every other kill meets the
call of a module of the model, every other one the file system.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
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
    "edgewise.report.evaluation",
    "edgewise.report.page.page",
    "edgewise.report.text",
    "edgewise.runs.evaluate",
    "edgewise.runs.verify",
    "killing",
)
LONGEST = 3600.0
KINDS = ("modules", "files")
CONTEXT = get_context("forkserver")

DEMO = ("--model", "demo", "--task", "ioi")
RESULTS = ("scores.safetensors", "circuit.json")
# name -> command line without its folder, the file of its state, the files it ends with
COMMANDS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "eap": (
        ("discover", *DEMO, "--n", "100", "--batch-size", "4", "--no-pictures", "--no-evaluate", "--out"),
        PROGRESS,
        RESULTS,
    ),
    "exact": (
        ("discover", *DEMO, "--method", "activation-patching", "--n", "12", "--no-pictures", "--no-evaluate", "--out"),
        PROGRESS,
        RESULTS,
    ),
    "acdc": (
        ("discover", *DEMO, "--method", "acdc", "--tau", "0.05", "--n", "4", "--no-pictures", "--no-evaluate", "--out"),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "hisp": (
        (
            "discover",
            *DEMO,
            "--method",
            "hisp",
            "--n",
            "60",
            "--batch-size",
            "4",
            "--no-pictures",
            "--no-evaluate",
            "--out",
        ),
        PROGRESS,
        RESULTS,
    ),
    "subnetwork-probing": (
        (
            *("discover", *DEMO, "--method", "subnetwork-probing", "--lambda", "1", "--steps", "40", "--lr", "0.1"),
            *("--n", "8", "--minibatch", "4", "--no-pictures", "--no-evaluate", "--out"),
        ),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "checked": (
        (
            *("discover", *DEMO, "--exact", "40", "--bootstrap", "20", "--per-prompt"),
            *("--n", "24", "--batch-size", "8", "--no-pictures", "--no-evaluate", "--out"),
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
            *("--n", "4", "--no-pictures", "--no-evaluate", "--out"),
        ),
        PROGRESS,
        (*RESULTS, "trace.jsonl"),
    ),
    "evaluate": (
        ("evaluate", "--minimality"),
        "evaluation-resample.progress.safetensors",
        ("evaluation-resample.json",),
    ),
    "verify": (("verify", "--edges", "150"), "verification.progress.safetensors", ("verification.json",)),
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


@dataclass(frozen=True)
class Moment:
    """When a process kills itself: at an event of a kind, counted from 1, or before a file is renamed to such a path.

    Args:
        kind: one of `KINDS`.
        number: which of its events.
        path: the end of a path, in place of both.
    """

    kind: str = ""
    number: int = 0
    path: str = ""


def command(arguments: Sequence[str], moment: Moment | None, counted: Any, errors: Path | None) -> None:
    """Run one command in this process, quietly, and store its state whenever there is one.

    Args:
        arguments: the command line.
        moment: when to die.
        counted: takes how many events of each kind there were.
        errors: takes what is said on stderr.
    """
    import torch

    from edgewise.cli.main import run
    from edgewise.runs import resume
    from edgewise.runs.store.checkpoint import Saver

    torch.set_num_threads(1)
    # Tests that run in the background ignore interrupts, and so would their children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resume.Saver = lambda save: Saver(save, least=0.0)  # type: ignore[assignment,misc]
    if errors is not None:
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    watch(moment, counted)
    with contextlib.redirect_stdout(io.StringIO()):
        code = run(arguments)
    os._exit(code)


def watch(moment: Moment | None, counted: Any) -> None:
    """Count the events of this process from now on, and kill it at a moment."""
    import torch

    def happened(kind: str) -> None:
        index = KINDS.index(kind)
        counted[index] += 1
        if moment is not None and moment.kind == kind and moment.number == counted[index]:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, arguments: Any) -> None:
        if event == "os.rename" and moment is not None and moment.path and str(arguments[1]).endswith(moment.path):
            os.kill(os.getpid(), signal.SIGKILL)
        if event == "open" or event.startswith("os."):
            happened("files")

    sys.addaudithook(audited)
    torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: happened("modules"))


def run_to_the_end(arguments: Sequence[str]) -> dict[str, int]:
    """Run a command in a process of its own and return how many events it had, by kind."""
    counted = CONTEXT.RawArray("q", len(KINDS))
    process = started(arguments, counted=counted)
    process.join(LONGEST)
    assert process.exitcode == 0, f"{' '.join(arguments)}: exit code {process.exitcode}"
    return dict(zip(KINDS, counted, strict=True))


def finished_run(folder: Path) -> Path:
    """A finished run, for commands that take one."""
    run_to_the_end(("discover", *DEMO, "--n", "8", "--no-pictures", "--out", str(folder)))
    return folder


def same_bytes(name: str, finished: Path, home: Path, times: int, rng: Random) -> Killed:
    """Kill a command so many times, in as many folders as that takes; all must end like an undisturbed one."""
    arguments, state, results = COMMANDS[name]

    def fresh(folder: Path) -> Path:
        return folder if arguments[0] == "discover" else Path(shutil.copytree(finished, folder))

    whole = fresh(home / "whole")
    events = run_to_the_end((*arguments, str(whole)))
    total = Killed(0, 0, 0)
    while total.kills < times:
        broken = fresh(home / f"killed-{total.kills}-{rng.random()}")
        killed = killed_at_random((*arguments, str(broken)), broken / state, times - total.kills, events, rng)
        total = Killed(total.kills + killed.kills, total.went_on + killed.went_on, total.lost + killed.lost)
        for file in results:
            assert (broken / file).read_bytes() == (whole / file).read_bytes(), f"{name}: {file} differs"
        assert sorted(path.name for path in broken.iterdir()) == sorted(path.name for path in whole.iterdir())
    return total


def killed_at_random(
    arguments: Sequence[str], state: Path, times: int, events: Mapping[str, int], rng: Random
) -> Killed:
    """Kill a command so many times, at moments spread over its events, and let it end then.

    Args:
        arguments: the command line.
        state: the file of its unfinished state.
        times: how often; fewer where it ends before.
        events: how many of each kind it has undisturbed.
        rng: the moments.
    """
    kills = went_on = lost = 0
    before = 0
    while kills < times:
        kind = KINDS[kills % len(KINDS)]
        # Lives of 0.5 to 1.5 parts of as many as there are kills, and one: long enough to get somewhere.
        number = 1 + int(events[kind] * rng.uniform(0.5, 1.5) / (times + 1))
        process = started(arguments, Moment(kind, number))
        process.join(LONGEST)
        if process.exitcode == 0:
            return Killed(kills, went_on, lost)
        assert process.exitcode == -signal.SIGKILL
        kills += 1
        done = _cells(state)
        went_on += done > 0
        lost += done < before and state.exists()
        before = max(before, done)
    run_to_the_end(arguments)
    return Killed(kills, went_on, lost)


def started(  # type: ignore[no-untyped-def]
    arguments: Sequence[str], moment: Moment | None = None, *, counted: Any = None, errors: Path | None = None
):
    """Start a command in a process of its own."""
    CONTEXT.set_forkserver_preload(list(PRELOAD))
    counted = CONTEXT.RawArray("q", len(KINDS)) if counted is None else counted
    process = CONTEXT.Process(target=command, args=(tuple(arguments), moment, counted, errors))
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
