"""The state of an unfinished run on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from edgewise.runs.store.atomic import write_through

PROGRESS = "progress.safetensors"
_META = "edgewise"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An unfinished run.

    Args:
        key: JSON values that a run must share to go on from here: its config, its prompts, the versions.
        tensors: the method's state, the micro-batch it chose included.
        seconds: time spent on scores so far.
    """

    key: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray[Any, Any]]
    seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint, name: str = PROGRESS) -> None:
    """Put a checkpoint in the place of the folder's last one of that name, in one step."""
    said = {"key": dict(checkpoint.key), "seconds": checkpoint.seconds}
    tensors = {key: np.ascontiguousarray(array) for key, array in checkpoint.tensors.items()}
    write_through(folder / name, lambda path: save_file(tensors, path, {_META: json.dumps(said)}))


def load_checkpoint(folder: Path, name: str = PROGRESS) -> Checkpoint | None:
    """Return the folder's checkpoint of that name; None where there is none that can be read."""
    path = folder / name
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            said = json.loads((file.metadata() or {})[_META])
        return Checkpoint(dict(said["key"]), tensors, float(said["seconds"]))
    except (SafetensorError, KeyError, TypeError, ValueError):
        return None  # nothing but time is lost by starting again


@dataclass
class Saver:
    """Stores a run's state now and then: rarely enough that storing takes at most a twentieth of the time.

    Args:
        save: stores one state.
        least: seconds between two stores.
    """

    save: Callable[[Any], None]
    least: float = 3.0
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._next = time.monotonic() + self.least

    def offer(self, state: Any) -> None:
        """Store the state if it is time."""
        if time.monotonic() < self._next:
            return
        begun = time.monotonic()
        self.save(state)
        took = time.monotonic() - begun
        self._next = begun + took + max(self.least, 20 * took)
