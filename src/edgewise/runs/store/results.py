"""Results that belong to several runs: one JSON document in a folder, and what shows it beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from edgewise.errors import RunError
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.codec import from_json, read_json, to_json
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


def write_result(folder: Path, result: Any) -> None:
    """Write the result of a command, a dataclass whose ``format`` is ``"edgewise-VERB"``, as ``VERB.json``.

    Raises:
        RunConflictError: another process is writing to the folder.
        OSError: it cannot be written.
    """
    write_files(folder, {f"{_verb(result)}.json": document(to_json(result))})


def read_result(kind: type[Result], folder: str | Path) -> Result:
    """Read what `write_result` wrote.

    Args:
        kind: what it is.
        folder: where it is.

    Raises:
        RunError: there is none.
        FormatError: it is not JSON, or not ours.
    """
    name = f"{_verb(kind)}.json"
    path = Path(folder) / name
    if not path.is_file():
        raise RunError(f"{folder}: holds no {name}; give the --out of a finished `edgewise {_verb(kind)}`")
    return from_json(kind, read_json(path), str(path))


def _verb(result: Any) -> str:
    return str(result.format).removeprefix("edgewise-")
