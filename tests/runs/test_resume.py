"""A run that is stopped goes on where it was and ends with the same bits; a stopped write changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgewise import attribution
from edgewise.attribution import AttributionState
from edgewise.errors import EdgewiseWarning, RunConflictError, RunError
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.methods import attribution as estimating
from edgewise.runs.steps import Execution
from edgewise.runs.store.checkpoint import PROGRESS, Checkpoint, Saver, load_checkpoint, save_checkpoint
from edgewise.runs.store.folder import load_run
from stored import contents

pytestmark = pytest.mark.slow

RESULTS = ("scores.safetensors", "circuit.json")


class Stopped(BaseException):
    """Stands for the end of the process: nothing catches it."""


def stop_after(prompts: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let scoring end with an error once so many prompts are done, each state having been stored."""

    def attribute(*args: Any, **kwargs: Any) -> Iterator[AttributionState]:
        for state in attribution.attribute(*args, **kwargs):
            yield state
            if state.done >= prompts:
                raise error

    monkeypatch.setattr(estimating, "attribute", attribute)
    monkeypatch.setattr(resume, "Saver", lambda save: SimpleNamespace(offer=save))


def count_scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many prompts were done after each micro-batch from now on."""
    seen: list[int] = []

    def attribute(*args: Any, **kwargs: Any) -> Iterator[AttributionState]:
        for state in attribution.attribute(*args, **kwargs):
            seen.append(state.done)
            yield state

    monkeypatch.setattr(estimating, "attribute", attribute)
    return seen


@pytest.fixture
def whole(config: RunConfig, tmp_path: Path) -> dict[str, bytes]:
    discover(config, tmp_path / "whole")
    return {name: (tmp_path / "whole" / name).read_bytes() for name in RESULTS}


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize("per_prompt", [False, True])
@pytest.mark.parametrize(("stop", "rest"), [(2, [4, 6, 7]), (4, [6, 7]), (6, [7])])
def test_a_stopped_run_goes_on_and_ends_with_the_same_bits(
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    per_prompt: bool,
    stop: int,
    rest: list[int],
) -> None:
    config = replace(config, per_prompt=per_prompt)
    discover(config, tmp_path / "whole")
    with monkeypatch.context() as stopped:
        stop_after(stop, stopped, Stopped())
        with pytest.raises(Stopped):
            discover(config, tmp_path / "run")
    assert sorted(contents(tmp_path / "run")) == [PROGRESS]
    seen = count_scored(monkeypatch)
    discover(config, tmp_path / "run")
    assert seen == rest
    assert results(tmp_path / "run") == results(tmp_path / "whole")
    assert not (tmp_path / "run" / PROGRESS).exists()


def test_an_interrupt_stores_the_last_state(
    config: RunConfig, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopped:
        stop_after(4, stopped, KeyboardInterrupt())
        stopped.setattr(resume, "Saver", partial(Saver, least=inf))  # three seconds never pass
        with pytest.raises(KeyboardInterrupt):
            discover(config, tmp_path / "run")
    seen = count_scored(monkeypatch)
    discover(config, tmp_path / "run")
    assert seen == [6, 7]
    assert results(tmp_path / "run") == whole


def test_the_chosen_micro_batch_is_used_again(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, batch_size=None)
    with monkeypatch.context() as stopped:
        stopped.setattr("edgewise.attribution.loop.micro_batch", lambda *_: 3)
        stop_after(3, stopped, Stopped())
        with pytest.raises(Stopped):
            discover(config, tmp_path / "run")
    monkeypatch.setattr("edgewise.attribution.loop.micro_batch", lambda *_: 5)
    seen = count_scored(monkeypatch)
    assert discover(config, tmp_path / "run").record.batch_size == 3
    assert seen == [6, 7]


def test_an_unfinished_other_run_is_refused(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        stop_after(2, stopped, Stopped())
        with pytest.raises(Stopped):
            discover(config, tmp_path / "run")
    with pytest.raises(RunConflictError, match=r"another unfinished run \(metric is not set there"):
        discover(replace(config, metric="prob-diff"), tmp_path / "run")
    with pytest.raises(RunError, match="unfinished run; start the same"):
        load_run(tmp_path / "run")
    run = discover(replace(config, metric="prob-diff"), tmp_path / "run", execution=Execution(overwrite=True))
    assert run.record.metric.name == "prob-diff"
    assert not (tmp_path / "run" / PROGRESS).exists()


@pytest.mark.parametrize("change", ["versions", "prompts"])
def test_progress_of_other_code_or_data_is_not_continued(
    config: RunConfig, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    with monkeypatch.context() as stopped:
        stop_after(4, stopped, Stopped())
        with pytest.raises(Stopped):
            discover(config, tmp_path / "run")
    stored = load_checkpoint(tmp_path / "run")
    assert stored is not None
    save_checkpoint(tmp_path / "run", replace(stored, key={**stored.key, change: "other"}))
    seen = count_scored(monkeypatch)
    discover(config, tmp_path / "run")
    assert seen == [2, 4, 6, 7]
    assert results(tmp_path / "run") == whole


@pytest.mark.parametrize("key", [{}, {"config": {"a_later_field": 1}}])
def test_progress_of_another_version_is_refused(config: RunConfig, tmp_path: Path, key: Any) -> None:
    save_checkpoint(tmp_path, Checkpoint(key, {"mean": np.zeros(1)}, 1.0))
    with pytest.raises(RunConflictError, match="another unfinished run"):
        discover(config, tmp_path)
    assert not discover(config, tmp_path, execution=Execution(overwrite=True)).reused


def test_broken_progress_costs_only_time(config: RunConfig, tmp_path: Path, whole: dict[str, bytes]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / PROGRESS).write_bytes(b"garbage")
    with pytest.warns(EdgewiseWarning, match="begins anew"):
        discover(config, tmp_path / "run")
    assert results(tmp_path / "run") == whole


def test_seconds_of_earlier_processes_count(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as stopped:
        stop_after(4, stopped, Stopped())
        with pytest.raises(Stopped):
            discover(config, tmp_path / "run")
    stored = load_checkpoint(tmp_path / "run")
    assert isinstance(stored, Checkpoint)
    save_checkpoint(tmp_path / "run", replace(stored, seconds=1e6))
    timing = discover(config, tmp_path / "run").record.timing
    assert 1e6 < timing["scoring"] < 1.9e6


def test_states_are_stored_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("edgewise.runs.store.checkpoint.time.monotonic", lambda: clock[0])
    stored: list[float] = []

    def save(state: float) -> None:
        stored.append(state)
        clock[0] += 1.0  # storing takes a second

    saver = Saver(save, least=3.0)
    while clock[0] < 60:
        saver.offer(clock[0])
        clock[0] += 0.5
    # after three seconds, then at most a twentieth of the time
    assert stored == [3.0, 24.0, 45.0]


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_write_that_fails_leaves_the_old_run_whole(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    folder = tmp_path / "run"
    discover(config, folder)
    before = contents(folder)
    with monkeypatch.context() as broken:
        real, calls = os.replace, iter(range(1, 100))

        def replace_file(*paths: Any) -> None:
            if next(calls) == call:
                raise OSError(28, "No space left on device")
            real(*paths)

        broken.setattr(os, "replace", replace_file)
        with pytest.raises(OSError, match="No space"):
            discover(replace(config, metric="prob-diff"), folder, execution=Execution(overwrite=True))
    assert contents(folder) == before
    assert discover(config, folder).reused


# Each argument, a file and a command line, is a life of its own, forked from a process that has imported everything and
# run nothing: killed on the rename over the file; of the progress, when the first has been stored.
KILLED = f"""
import json, os, signal, sys
import edgewise.runs.discover, transformers.modeling_utils
from edgewise.cli.main import run
from edgewise.runs import resume
from edgewise.runs.store.checkpoint import Saver
resume.Saver = lambda save: Saver(save, least=0.0)
real = os.replace
for argument in sys.argv[1:]:
    target, *command = json.loads(argument)
    def replace(source, path):
        stop = str(path).endswith(os.sep + target)
        if not stop or target == {PROGRESS!r}:
            real(source, path)
        if stop:
            os.kill(os.getpid(), signal.SIGKILL)
    if os.fork() == 0:
        os.replace = replace
        os._exit(run(command))
    print(-os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_process_leaves_a_folder_that_the_same_command_completes(config: RunConfig, tmp_path: Path) -> None:
    """On the rename of circuit.json over the old one; and when the first progress has been stored."""
    changed = replace(config, metric="prob-diff")
    discover(changed, tmp_path / "fresh")
    folders = {target: tmp_path / target.partition(".")[0] for target in ("circuit.json", PROGRESS)}
    for folder in folders.values():
        discover(config, folder)
    before = contents(folders[PROGRESS])
    command = ["discover", "--model", config.model, "--data", str(config.data), "--batch-size", "2"]
    command += ["--metric", "prob-diff", "--overwrite", "--out"]
    lives = [json.dumps([target, *command, str(folder)]) for target, folder in folders.items()]
    killed = subprocess.run([sys.executable, "-c", KILLED, *lives], check=False, capture_output=True, text=True)
    assert killed.stdout.split() == [str(int(signal.SIGKILL))] * 2
    # A slow machine is told how far it is.
    assert [line for line in killed.stderr.splitlines() if not line.startswith("edgewise: ") or "error" in line] == []
    assert {name: contents(folders[PROGRESS])[name] for name in before} == before
    assert discover(config, folders[PROGRESS]).reused  # the old run is still the run of this folder
    assert load_run(folders["circuit.json"]).record.metric.name == "prob-diff"  # reading finishes the write
    for folder in folders.values():
        discover(changed, folder, execution=Execution(overwrite=True))
        assert results(folder) == results(tmp_path / "fresh")
        assert sorted(contents(folder)) == ["circuit.json", "examples.json", "run.json", "scores.safetensors"]
