"""What a disk that takes nothing more says, in words with a fix."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

# What is written is whole or not there at all, so the same command goes on.
_GO_ON = "then start the same command again: what was finished is kept"
# Why nothing more can be written -> in words, and what to do.
_TROUBLE = {
    errno.ENOSPC: ("the disk is full", f"make room there, {_GO_ON}"),
    errno.EDQUOT: ("the disk quota is used up", f"make room there, {_GO_ON}"),
    errno.EFBIG: ("a file would be larger than is allowed here", f"raise the limit (ulimit -f), {_GO_ON}"),
    errno.EROFS: ("the file system is read-only", "choose another folder"),
    errno.EIO: ("the disk does not answer (input/output error)", f"see to the disk, {_GO_ON}"),
}
# Libraries in Rust write files by themselves and pass the system's number on in their words.
_NUMBER = re.compile(r"\(os error (\d+)\)")


def trouble(error: BaseException) -> tuple[str, str] | None:
    """What is wrong with the disk, and what to do; None of an error of another kind.

    Args:
        error: the system's own, or one of a library that quotes it or was raised on it.
    """
    return next((_TROUBLE[number] for number in map(_number, _chain(error)) if number in _TROUBLE), None)


def about_file(error: OSError) -> str:
    """One line for an error of the system: the place, what is wrong, and what to do."""
    path, found = _path(error), trouble(error)
    if found is not None:
        return f"{'what is printed, or a file' if path is None else _folder(path)}: {'; '.join(found)}"
    if path is None:
        return f"{error.strerror or error}; check the paths given, and the space left on the disk"
    if isinstance(error, IsADirectoryError):
        return f"{path}: is a folder; name a file in it"
    return f"{path}: {error.strerror}; check the path and its permissions"


def _folder(path: str) -> str:
    place = Path(path).absolute()
    return str(place if place.is_dir() else place.parent)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    try:
        found = _NUMBER.search(str(error))
    except Exception:  # an error of someone else's code may not even have words
        return None
    return int(found[1]) if found else None


def _path(error: OSError) -> str | None:
    path = error.filename
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else None
