"""Write one file so that a reader sees the old content or the new, never a part of either.

1. write a temporary file in the same folder, 2. flush it to the disk, 3. rename it over the target,
4. flush the folder, which holds the name.

A temporary file's name says for which target and by which process. What a killed process left is removed by the next
that writes the same target, or by whoever holds the folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import psutil

from edgewise import processes

_SUFFIX = ".edgewise-tmp"


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk (folders cannot be flushed on Windows, and need not be)."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        error.filename = error.filename or str(path)  # the system does not say where
        raise
    finally:
        os.close(handle)


def write_new(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a file that is not there yet, and flush it.

    Raises:
        OSError: it is there already, or cannot be written; the error names it.
    """
    path.touch(exist_ok=False)
    try:
        writer(path)
        sync(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # of a full disk the system does not say where
        raise


def write_through(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a temporary file beside `path`, then put it in the place of `path` in one step.

    Of processes that work together the first does so, and the others go on.

    Args:
        path: the file to make or replace; its folder must exist.
        writer: called once with the path of the temporary file.

    Raises:
        OSError: the folder cannot be written; `path` is then as it was.
    """
    if processes.first():
        _write_through(path, writer)


def _write_through(path: Path, writer: Callable[[Path], None]) -> None:
    _forget_left(path)
    temporary = path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
    try:
        write_new(temporary, writer)
        os.replace(temporary, path)  # noqa: PTH105  the one call that must be the system's own rename
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and str(error.filename) == str(temporary):
            error.filename = str(path)  # the one that the user named
        raise
    sync(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file at `path` in one step."""
    write_through(path, content(data))


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left behind; the caller is the folder's only writer."""
    for path in folder.glob(f".*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def content(*parts: bytes | memoryview) -> Callable[[Path], None]:
    """A writer of these bytes, one part after the other."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(parts)

    return write


def _forget_left(path: Path) -> None:
    """Remove temporary files of this target whose process has ended."""
    named = re.compile(rf"\.{re.escape(path.name)}\.(\d+)-[0-9a-f]+{re.escape(_SUFFIX)}")
    for other in path.parent.iterdir():
        found = named.fullmatch(other.name)
        if found and not psutil.pid_exists(int(found[1])):
            with contextlib.suppress(OSError):
                other.unlink()
