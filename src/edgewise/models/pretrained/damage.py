"""What is wrong with a small file of a model's folder, by the file's name: told before or after a library stumbles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgewise.errors import ModelError
from edgewise.json_text import json_bytes, parse_json, shown

# The first bytes of what is often saved under another file's name -> what it is, and what to do.
IMPOSTERS = {
    b"version https://git-lfs": "a pointer of git-lfs, not the file itself; run `git lfs pull` in its folder",
    b"<!": "a web page, not the file itself; get it again",
    b"<h": "a web page, not the file itself; get it again",
    b"<?xml": "an XML reply, not the file itself; get it again",
}
# JSON that is as small as settings are; a vocabulary is looked into only where it could not be read.
_SMALL = 2**20


def read_object(path: Path, where: str) -> dict[str, Any]:
    """The object of a JSON file.

    Args:
        path: the file.
        where: whose it is, to begin messages with.

    Raises:
        ModelError: naming the file.
    """
    refuse_imposter(path, where)
    try:
        values = parse_json(json_bytes(path))
    except OSError as error:
        raise ModelError(f"{where}: {path.name} cannot be read ({error.strerror}); check its permissions") from None
    except ValueError as error:
        raise ModelError(
            f"{where}: {path.name} is not JSON, it is cut off or damaged ({error}); get the file again"
        ) from None
    if not isinstance(values, dict):
        raise ModelError(f"{where}: {path.name} is no JSON object (is {shown(values, 40)}); get the file again")
    return values


def refuse_imposter(path: Path, where: str) -> None:
    """Refuse a file that is empty, or something else under its name. Raises ModelError."""
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip()
    except OSError as error:
        raise ModelError(f"{where}: {path.name} cannot be read ({error.strerror}); check its permissions") from None
    if not start:
        raise ModelError(f"{where}: {path.name} is empty; get the file again")
    kind = next((kind for mark, kind in IMPOSTERS.items() if start.lower().startswith(mark)), None)
    if kind is not None:
        raise ModelError(f"{where}: {path.name} is {kind}")


def refuse_damaged(folder: Path, names: Iterable[str], where: str, *, large: bool = False) -> None:
    """Refuse the first of some files that is there and is not what its name says.

    Args:
        folder: where they lie.
        names: of the files.
        where: whose they are, to begin the message with.
        large: look into large JSON too.

    Raises:
        ModelError: naming the file.
    """
    for path in (folder / name for name in names):
        if not path.is_file():
            continue
        if path.suffix == ".json" and (large or path.stat().st_size < _SMALL):
            read_object(path, where)
        else:
            refuse_imposter(path, where)
