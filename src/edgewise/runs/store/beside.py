"""Which results of several runs speak of a run: paths, kept beside it so that its page finds them.

They lead from the run's folder, so that a tree of folders may be moved. One that leads nowhere any more is passed over.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgewise.errors import FormatError
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.codec import from_json, read_json, to_json
from edgewise.runs.store.folder import BESIDE
from edgewise.runs.store.lock import writing


@dataclass(frozen=True)
class Beside:
    """The file.

    Args:
        results: paths of results, from the run's folder, with ``/`` between their parts.
    """

    format: ClassVar[str] = "edgewise-beside"
    format_version: ClassVar[int] = 1

    results: tuple[str, ...] = ()


def results_beside(folder: Path) -> tuple[Path, ...]:
    """The results that speak of a run and are still there; none where the file is damaged."""
    paths = (folder / path for path in _read(folder).results)
    return tuple(path for path in paths if path.is_file())


def put_beside(folder: Path, result: Path) -> None:
    """Note that a result speaks of a run.

    Raises:
        RunConflictError: another process is writing to the run's folder.
        OSError: it cannot be written.
    """
    path = Path(os.path.relpath(result.resolve(), folder.resolve())).as_posix()
    with writing(folder):
        there = _read(folder).results
        if path not in there:
            values = to_json(Beside((*there, path)))
            write_bytes(folder / BESIDE, (json.dumps(values, indent=1) + "\n").encode())


def _read(folder: Path) -> Beside:
    path = folder / BESIDE
    try:
        return from_json(Beside, read_json(path), str(path)) if path.is_file() else Beside()
    except FormatError:
        return Beside()
