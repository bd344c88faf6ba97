"""Results that belong to several runs: one JSON document in a folder, and what shows it beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from edgewise.errors import FormatError, RunError
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.lock import writing

Result = TypeVar("Result")


def document(values: Mapping[str, Any]) -> bytes:
    """JSON values as the text of a file. Raises ValueError for a number that is not finite."""
    return (json.dumps(dict(values), indent=1, allow_nan=False) + "\n").encode()


def write_files(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files, name -> content, each in one step and in this order, and return their paths.

    Raises:
        RunConflictError: another process is writing to the folder.
        OSError: it cannot be written.
    """
    with writing(folder):
        for name, content in files.items():
            write_bytes(folder / name, content)
    return tuple(folder / name for name in files)


def read_document(folder: str | Path, name: str, verb: str, build: Callable[[Any, str], Result]) -> Result:
    """Read a document of a folder.

    Args:
        folder: where it is.
        name: of the file.
        verb: of the command that makes it.
        build: from its JSON values and its path to what it is; raises FormatError where it is not ours.

    Raises:
        RunError: there is none.
        FormatError: it is not JSON, or not ours.
    """
    path = Path(folder) / name
    if not path.is_file():
        raise RunError(f"{folder}: holds no {name}; give the --out of a finished `edgewise {verb}`")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error}); make it again") from error
    return build(values, str(path))
