"""Files beside a finished run that show it and can be made again from it at any time: pictures and a page.

They are no part of the run: it is finished before they are written, and none of them is ever read back. They
go when the run is replaced, so that no folder shows another run than it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edgewise.errors import RunConflictError
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.folder import PAGE, PICTURES, Run, read_record
from edgewise.runs.store.lock import writing

__all__ = ["PAGE", "PICTURES", "are_shown", "write_shown"]


def are_shown(folder: Path, names: Iterable[str]) -> bool:
    """Whether all these files stand in the folder."""
    return all((folder / name).is_file() for name in names)


def write_shown(run: Run, files: Mapping[str, bytes], out: Path | None = None) -> tuple[Path, ...]:
    """Write files that show a run, each in one step, and return their paths.

    Args:
        run: what they show.
        files: file name -> content.
        out: where they go, made if need be; the run's own folder by default.

    Raises:
        RunConflictError: another process is writing to the run folder, or has put another run there.
        OSError: the folder cannot be written.
    """
    if out is not None and out.resolve() != run.folder.resolve():
        out.mkdir(parents=True, exist_ok=True)
        return _write(out, files)
    with writing(run.folder):
        now = read_record(run.folder)
        if now is None or now.to_bytes() != run.record.to_bytes():
            raise RunConflictError(f"{run.folder}: another run was put there meanwhile; draw again")
        return _write(run.folder, files)


def _write(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    for name, content in files.items():
        write_bytes(folder / name, content)
    return tuple(folder / name for name in files)
