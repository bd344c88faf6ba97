"""Driving a long method: its state goes to the disk now and then, and a process that was killed goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from edgewise import processes
from edgewise.errors import RunError
from edgewise.out_of_memory import is_out_of_memory
from edgewise.runs.steps import PASSES, Forecast, Progress, Report
from edgewise.runs.store.checkpoint import PROGRESS, Checkpoint, Saver, load_checkpoint, save_checkpoint

Tensors = Mapping[str, np.ndarray[Any, Any]]


class Resumable(Protocol):
    """The state of a long method."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        ...

    @property
    def done(self) -> int:
        """How much is done."""
        ...

    @property
    def total(self) -> int:
        """Of how much."""
        ...

    def tensors(self) -> Tensors:
        """All that is needed to go on."""
        ...


State = TypeVar("State", bound=Resumable)


def run_to_end(
    begin: Callable[[Tensors | None], Iterator[State]],
    folder: Path,
    key: Mapping[str, Any],
    report: Report,
    words: str,
    *,
    name: str = PROGRESS,
    pace: Callable[[State], float | None] | None = None,
    unit: str = PASSES,
    total: int | None = None,
    stage: Callable[[State], str] | None = None,
) -> tuple[State, float]:
    """Run a method to its end, from where an earlier process stopped.

    Args:
        begin: from the tensors of a stored state, or None to begin anew, to the method's states.
        folder: where the state is kept; the caller holds its lock.
        key: JSON values; a stored state counts only if it was stored with the same.
        report: told how far it is.
        words: what is being done, for the report.
        name: file of the state.
        pace: seconds that one of a state's ``total`` takes, where a state is yielded before anything is done; None
            where nothing is worth saying. Asked once a stage.
        unit: what these are.
        total: how much there is to do, where the first state comes only after some of it.
        stage: what is being done at a state, where it is not always `words`.

    Returns:
        The finished state, and the seconds that earlier processes spent on it.

    Raises:
        ProcessError: processes that work together have other keys, or do not see the same stored state.
        RunError: out of memory with the least there is to run.
    """
    stored = load_checkpoint(folder, name)
    if stored is not None and stored.key != key:
        stored = None
    earlier = stored.seconds if stored else 0.0
    processes.require_alike({**key, "stored state": stored and earlier})
    begun = time.monotonic()

    def save(at: State) -> None:
        spent = earlier + time.monotonic() - begun
        save_checkpoint(folder, Checkpoint(key, at.tensors(), spent), name)

    saver = Saver(save)
    if total is not None and stored is None:
        report(Progress(words, 0, total))
    state: State | None = None
    announced = ""
    try:
        for state in begin(stored.tensors if stored else None):
            step = words if stage is None else stage(state)
            plan = None if step == announced else _plan(state, pace, unit)
            announced = step
            report(Progress(step, state.done, state.total, plan))
            if not state.finished:
                saver.offer(state)
    except KeyboardInterrupt:
        if state is not None and not state.finished:
            save(state)
        raise
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunError("out of memory with one prompt at a time; give shorter prompts or more memory") from error
    if state is None:
        raise RunError("there was nothing to do; give at least one prompt")
    return state, earlier


def _plan(state: State, pace: Callable[[State], float | None] | None, unit: str) -> Forecast | None:
    seconds = None if pace is None else pace(state)
    left = state.total - state.done
    return None if seconds is None else Forecast(left, left * seconds, unit)
