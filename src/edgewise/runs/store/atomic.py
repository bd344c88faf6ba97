"""Write one file so that a reader sees the old content or the new, never a part of either.

1. write a temporary file in the same folder, 2. flush it to the disk, 3. rename it over the target,
4. flush the folder, which holds the name.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
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


def settle(path: Path) -> None:
    """Give a file that was just written the permissions any new file gets, and flush it to the disk."""
    # mkstemp and safetensors make files for their owner alone; results are meant to be shared.
    path.chmod(0o666 & ~_umask())
    sync(path)


def write_through(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a temporary file beside `path`, then put it in the place of `path` in one step.

    Args:
        path: the file to make or replace; its folder must exist.
        writer: called once with the path of the temporary file.

    Raises:
        OSError: the folder cannot be written; `path` is then as it was.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # the one that the user named, not the temporary one
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        writer(temporary)
        settle(temporary)
        os.replace(temporary, path)  # noqa: PTH105  the one call that must be the system's own rename
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
