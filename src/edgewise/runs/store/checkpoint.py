"""The state of an unfinished run on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from edgewise.errors import EdgewiseWarning
from edgewise.runs.store.atomic import write_through
from edgewise.runs.store.tensors import tensors_content

PROGRESS = "progress.safetensors"
_META, _DIGEST = "edgewise", "sha256"


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
    said = json.dumps({"key": dict(checkpoint.key), "seconds": checkpoint.seconds})
    tensors = {key: np.ascontiguousarray(array) for key, array in checkpoint.tensors.items()}
    metadata = {_META: said, _DIGEST: _digest(said, tensors)}
    write_through(folder / name, tensors_content(tensors, metadata))


def load_checkpoint(folder: Path, name: str = PROGRESS) -> Checkpoint | None:
    """Return the folder's checkpoint of that name; None where there is none, or, with a warning, a damaged one.

    A state is gone on from as it was stored or not at all: a digest of everything in it says whether it is.
    """
    path = folder / name
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        if metadata[_DIGEST] == _digest(metadata[_META], tensors):
            said = json.loads(metadata[_META])
            return Checkpoint(said["key"], tensors, said["seconds"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        pass
    # Nothing but time is lost by starting again.
    warnings.warn(f"{path}: damaged, so what is unfinished there begins anew", EdgewiseWarning, stacklevel=2)
    return None


def _digest(said: str, tensors: Mapping[str, np.ndarray[Any, Any]]) -> str:
    digest = hashlib.sha256(said.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


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
