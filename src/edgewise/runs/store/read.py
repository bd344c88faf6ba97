"""Scores and circuits, of a run folder or of a single file."""

from __future__ import annotations

from pathlib import Path

from edgewise.graph import Circuit, EdgeScores, GraphSpec, NodeScores
from edgewise.runs.store import files
from edgewise.runs.store.folder import CIRCUIT, load_run
from edgewise.runs.store.hub_file import local


def read_scores(path: str | Path) -> EdgeScores | NodeScores:
    """Read the scores of a finished run, or of a file that `write_scores` wrote.

    Args:
        path: a run folder, or a `.safetensors` file.

    Raises:
        RunError: a folder without a finished run.
        FormatError: not such a file; it names what is missing.
        ScoreError: a value that is not finite.
        OSError: it cannot be read.
    """
    return load_run(path).scores if Path(path).is_dir() else files.read_scores(path)


def read_circuit(path: str | Path, spec: GraphSpec | None = None) -> tuple[Circuit, EdgeScores | None]:
    """Read a circuit, and the scores beside it, of a finished run or of a file, ours or EAP-IG's.

    Args:
        path: a run folder, a `.json` or `.pt` file, or ``hub:OWNER/NAME[@REVISION]``, where `edgewise push` put one.
        spec: the model's shape where a file does not say how many key/value heads there are.

    Returns:
        The circuit, and the scores with our sign (None where there are none of edges).

    Raises:
        RunError: a folder without a finished run, or a repository of the hub that cannot be had.
        FormatError: another suffix, or a file that is not in the format; it names the field.
        OSError: it cannot be read.
    """
    path = local(path, CIRCUIT)
    if not path.is_dir():
        return files.read_circuit(path, spec)
    run = load_run(path)
    return run.circuit, run.scores if isinstance(run.scores, EdgeScores) else None
