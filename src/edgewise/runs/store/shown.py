"""Files beside a finished run that show it and can be made again from it at any time: pictures and a page.

They are no part of the run: it is finished before they are written, and none of them is ever read back. They
go when the run is replaced, so that no folder shows another run than it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edgewise.errors import RunConflictError
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run, read_record
from edgewise.runs.store.lock import writing
from edgewise.runs.store.neuron_record import NeuronRecord
from edgewise.runs.store.neurons import NeuronRun, read_neuron_record
from edgewise.runs.store.record import RunRecord


def are_shown(folder: Path, names: Iterable[str]) -> bool:
    """Whether all these files stand in the folder."""
    return all((folder / name).is_file() for name in names)


def write_shown(run: Run | NeuronRun, files: Mapping[str, bytes], out: Path | None = None) -> tuple[Path, ...]:
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
        if to_json(_record(run)) != to_json(run.record):
            raise RunConflictError(f"{run.folder}: another run was put there meanwhile; draw again")
        return _write(run.folder, files)


def _record(run: Run | NeuronRun) -> RunRecord | NeuronRecord | None:
    """What the folder says now."""
    return read_neuron_record(run.folder) if isinstance(run, NeuronRun) else read_record(run.folder)


def _write(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    for name, content in files.items():
        write_bytes(folder / name, content)
    return tuple(folder / name for name in files)
