"""One writer per run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from edgewise import processes
from edgewise.disk import trouble
from edgewise.errors import RunConflictError, RunError
from edgewise.runs.store.atomic import sweep
from edgewise.runs.store.commit import recover

LOCK = ".edgewise.lock"


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold a run folder for writing, with what a killed process left behind brought in order.

    The folder is made where it does not exist, and taken away again if nothing came of it. Of processes that work
    together the first holds it, and the others read there.

    Raises:
        RunConflictError: another process is writing there.
        RunError: the folder cannot be made or written, or is not there for all that work together.
    """
    with contextlib.ExitStack() as held:
        processes.in_first(lambda: held.enter_context(_held(folder)))
        processes.agree(lambda: _require_shared(folder))
        yield


def _require_shared(folder: Path) -> None:
    if not (folder / LOCK).is_file():
        raise RunError(f"{folder}: process {processes.rank()} does not see it; give a folder that all machines share")


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold it in this process."""
    made = _make(folder)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunConflictError(
            f"{folder}: another process is writing to this run folder; wait for it to end, or choose another folder"
        ) from error
    except OSError as error:
        raise RunError(f"{folder}: {_why_not(error)}") from error
    try:
        sweep(folder)
        recover(folder)
        yield
    finally:
        if not any(path.name != LOCK for path in folder.iterdir()):
            with contextlib.suppress(OSError):
                (folder / LOCK).unlink()
        lock.release()
        for path in made:  # deepest first; a folder that holds something stays
            with contextlib.suppress(OSError):
                path.rmdir()


def _make(folder: Path) -> tuple[Path, ...]:
    missing = tuple(path for path in (folder, *folder.parents) if not path.exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "a file of that name exists; choose another folder" if folder.exists() else _why_not(error)
        raise RunError(f"{folder}: cannot be made a run folder: {why}") from error
    return missing


def _why_not(error: OSError) -> str:
    return "; ".join(trouble(error) or (f"cannot be written ({error.strerror})", "choose another folder"))
