"""Replace several files of one folder as if in one step, whatever happens in between.

1. The new files are written in full into a staging folder inside the target, beside links to the old ones.
2. A journal is put there in one step: from now on the new content counts.
3. The new files are renamed over the old ones, one by one.
4. Files that the new content lacks are removed, then the staging folder.

A failure before 2 leaves the old content untouched. One within 3 is rolled back when the process still runs,
and rolled forward by `recover` when the process was killed: the folder never keeps a mixture. Within 4 nothing turns
back any more: what could not be removed is removed by the next process, or stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from edgewise import processes
from edgewise.errors import FormatError
from edgewise.runs.store.atomic import sync, write_bytes, write_new
from edgewise.runs.store.codec import from_json, read_json, to_json

STAGING = ".edgewise-staged"
_JOURNAL = "journal.json"
_FIX = f"remove the folder {STAGING}, and look at the files beside it"


@dataclass(frozen=True)
class Journal:
    """What is to be done: the folder may be somebody else's, so it speaks of files of this folder alone.

    Args:
        direction: whether the new content counts, or the old.
        files: those that are replaced, in this order.
        had: those of them that were there before.
        gone: those that the new content lacks.
    """

    direction: Literal["forward", "back"]
    files: tuple[str, ...]
    had: tuple[str, ...]
    gone: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the names."""
        for name in (*self.files, *self.had, *self.gone):
            if name in ("", ".", "..") or any(kind(name).name != name for kind in (PurePosixPath, PureWindowsPath)):
                raise FormatError(f"names {name!r}, which is no name of a file in this folder")


def pending(folder: Path) -> bool:
    """Whether a write of this folder was stopped in the middle, after its content was complete."""
    return (folder / STAGING / _JOURNAL).is_file()


def commit(folder: Path, writers: Mapping[str, Callable[[Path], None]], gone: Iterable[str] = ()) -> None:
    """Write all files, or none of them; of processes that work together, the first does.

    Args:
        folder: where they go; the caller holds its lock.
        writers: file name -> function that fills the file at the path it is given. The order is that of 3.
        gone: files that the new content does not have; they go when the new ones stand.

    Raises:
        OSError: nothing was changed.
    """
    processes.in_first(lambda: _commit(folder, writers, gone))


def _commit(folder: Path, writers: Mapping[str, Callable[[Path], None]], gone: Iterable[str]) -> None:
    staging = folder / STAGING
    _discard(staging)
    try:
        staging.mkdir()
        for name, writer in writers.items():
            write_new(staging / name, writer)
        had = tuple(name for name in writers if _keep_old(folder / name, staging / f"old.{name}"))
        journal = Journal("forward", tuple(writers), had, tuple(gone))
        _write_journal(staging, journal)
    except BaseException as error:
        if isinstance(error, OSError) and str(staging) in str(error.filename):
            error.filename = str(folder / Path(error.filename).name)  # the one that the user knows
        _discard(staging)
        raise
    try:
        _follow(folder, journal)
    except BaseException:
        # Where even the way back is barred, the journal still says forward, and the next reader finishes it.
        with contextlib.suppress(OSError):
            _write_journal(staging, replace(journal, direction="back", gone=()))
            recover(folder)
        raise
    _clear(folder, journal)


def recover(folder: Path) -> None:
    """Bring a commit that was stopped in the middle to its end, forwards or back.

    Raises:
        FormatError: what is to be done there was not written by this module.
    """
    staging = folder / STAGING
    if staging.is_symlink():
        raise FormatError(f"{staging}: is a link, which edgewise does not make; remove it")
    if pending(folder):
        path = staging / _JOURNAL
        journal = from_json(Journal, read_json(path, _FIX), str(path), _FIX)
        _follow(folder, journal)
        _clear(folder, journal)
    _discard(staging)


def _follow(folder: Path, journal: Journal) -> None:
    """Do what the journal says; doing it again changes nothing."""
    move = _forward if journal.direction == "forward" else _back
    for name in journal.files:
        move(folder, folder / STAGING, name, name in journal.had)
    sync(folder)


def _clear(folder: Path, journal: Journal) -> None:
    """Remove what the new content lacks, and then the staging folder."""
    for name in journal.gone:
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    _discard(folder / STAGING)


def _forward(folder: Path, staging: Path, name: str, had: bool) -> None:
    if (staging / name).exists():
        os.replace(staging / name, folder / name)  # noqa: PTH105


def _back(folder: Path, staging: Path, name: str, had: bool) -> None:
    old = staging / f"old.{name}"
    if had and old.exists():
        os.replace(old, folder / name)  # noqa: PTH105
    elif not had and not (staging / name).exists():
        (folder / name).unlink(missing_ok=True)


def _keep_old(current: Path, kept: Path) -> bool:
    if not current.exists():
        return False
    try:
        os.link(current, kept)
    except OSError:  # a file system without links
        shutil.copy2(current, kept)
    return True


def _write_journal(staging: Path, journal: Journal) -> None:
    write_bytes(staging / _JOURNAL, json.dumps(to_json(journal)).encode())


def _discard(staging: Path) -> None:
    # The journal goes first: what is left without one counts for nothing.
    (staging / _JOURNAL).unlink(missing_ok=True)
    if staging.exists():
        shutil.rmtree(staging)
