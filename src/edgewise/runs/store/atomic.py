"""Write one file so that a reader sees the old content or the new, never a part of either.

1. write a temporary file in the same folder, 2. flush it to the disk, 3. rename it over the target,
4. flush the folder, which holds the name.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

_SUFFIX = ".edgewise-tmp"


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk (folders cannot be flushed on Windows, and need not be)."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a file that is not there yet, with the permissions that any new file gets, and flush it.

    Raises:
        OSError: it is there already, or cannot be written.
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
    writer(path)
    # safetensors puts a file of its own there, for its owner alone; results are meant to be shared.
    path.chmod(mode)
    sync(path)


def write_through(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a temporary file beside `path`, then put it in the place of `path` in one step.

    Args:
        path: the file to make or replace; its folder must exist.
        writer: called once with the path of the temporary file.

    Raises:
        OSError: the folder cannot be written; `path` is then as it was.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}"
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


def content(data: bytes) -> Callable[[Path], None]:
    """A writer of these bytes."""

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write
