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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgewise.runs.store.atomic import settle, sync, write_bytes

STAGING = ".edgewise-staged"
_JOURNAL = "journal.json"


def pending(folder: Path) -> bool:
    """Whether a write of this folder was stopped in the middle, after its content was complete."""
    return (folder / STAGING / _JOURNAL).is_file()


def commit(folder: Path, writers: Mapping[str, Callable[[Path], None]], gone: Sequence[str] = ()) -> None:
    """Write all files, or none of them.

    Args:
        folder: where they go; the caller holds its lock.
        writers: file name -> function that fills the file at the path it is given. The order is that of 3.
        gone: files that the new content does not have; they go when the new ones stand.

    Raises:
        OSError: nothing was changed.
    """
    staging = folder / STAGING
    _discard(staging)
    staging.mkdir()
    try:
        for name, writer in writers.items():
            writer(staging / name)
            settle(staging / name)
        had = [name for name in writers if _keep_old(folder / name, staging / f"old.{name}")]
        _write_journal(staging, "forward", list(writers), had, gone)
    except BaseException:
        _discard(staging)
        raise
    try:
        _follow(folder)
    except BaseException:
        # Where even the way back is barred, the journal still says forward, and the next reader finishes it.
        with contextlib.suppress(OSError):
            _write_journal(staging, "back", list(writers), had)
            recover(folder)
        raise
    _clear(folder)


def recover(folder: Path) -> None:
    """Bring a commit that was stopped in the middle to its end, forwards or back."""
    if pending(folder):
        _follow(folder)
        _clear(folder)
    _discard(folder / STAGING)


def _follow(folder: Path) -> None:
    """Do what the journal says; doing it again changes nothing."""
    staging = folder / STAGING
    journal = json.loads((staging / _JOURNAL).read_text(encoding="utf-8"))
    move = _forward if journal["direction"] == "forward" else _back
    for name in journal["files"]:
        move(folder, staging, name, name in journal["had"])
    sync(folder)


def _clear(folder: Path) -> None:
    """Remove what the new content lacks, and then the staging folder."""
    journal = json.loads((folder / STAGING / _JOURNAL).read_text(encoding="utf-8"))
    for name in journal["gone"]:
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


def _write_journal(
    staging: Path, direction: str, files: Sequence[str], had: Sequence[str], gone: Sequence[str] = ()
) -> None:
    text = json.dumps({"direction": direction, "files": list(files), "had": list(had), "gone": list(gone)})
    write_bytes(staging / _JOURNAL, text.encode())


def _discard(staging: Path) -> None:
    # The journal goes first: what is left without one counts for nothing.
    (staging / _JOURNAL).unlink(missing_ok=True)
    if staging.exists():
        shutil.rmtree(staging)
