"""A file of another program, taken in: its circuit as our circuit file, its scores as our scores file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.errors import FormatError, RunError
from edgewise.graph import Circuit, Graph
from edgewise.models import load_model
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.exchange.leaving import graph_of_run
from edgewise.runs.store.files import write_circuit, write_scores
from edgewise.runs.store.folder import CIRCUIT, SCORES

# Suffix -> format, where a suffix belongs to one alone.
BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".graphml": "graphml"}


@dataclass(frozen=True, eq=False)
class Taken:
    """What was taken in.

    Args:
        format: the format's name.
        files: what was written.
        found: scores, circuit or both.
    """

    format: str
    files: tuple[str, ...]
    found: Exchanged


def take_in(
    path: str | Path, graph: str, out: str | Path, name: str | None = None, settings: Mapping[str, Any] = {}
) -> Taken:
    """Read a file of another program and write what is in it as ours.

    Args:
        path: the file.
        graph: whose graph it is of: a model's name, or the folder of a finished run.
        out: the folder for ``circuit.json`` and ``scores.safetensors``; the former is there where the file has a
            circuit or scores of edges, the latter where it has scores.
        name: of the format; by default by the suffix.
        settings: how the model is loaded, see `edgewise.models.load_model`.

    Raises:
        FormatError: a file that is not in the format; the message names the place.
        RunError: a folder that holds a run already.
        EdgewiseError: anything wrong with the model.
        OSError: a file cannot be read or written.
    """
    path, out = Path(path), Path(out)
    name = name or _by_suffix(path)
    form: Format = FORMATS.load(name)
    if form.read is None:
        raise FormatError(f"format {name} is only written; those that are read: {', '.join(readable())}")
    if any((out / one).exists() for one in (CIRCUIT, SCORES)):
        raise RunError(f"--out {out}: holds a result already; choose another folder")
    content = path.read_bytes()
    shape = _graph(graph, settings)
    try:
        found = form.read(content, shape)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return Taken(name, _stored(found, out), found)


def readable() -> tuple[str, ...]:
    """The names of the formats that can be read."""
    return tuple(name for name in FORMATS if FORMATS.load(name).read is not None)


def _by_suffix(path: Path) -> str:
    if path.suffix not in BY_SUFFIX:
        raise FormatError(f"{path}: the suffix does not tell its format; give --format, one of {', '.join(readable())}")
    return BY_SUFFIX[path.suffix]


def _graph(of: str, settings: Mapping[str, Any]) -> Graph:
    if (Path(of) / "run.json").is_file():
        return graph_of_run(Path(of))
    return load_model(of, **settings).graph


def _stored(found: Exchanged, out: Path) -> tuple[str, ...]:
    out.mkdir(parents=True, exist_ok=True)
    files = []
    if found.circuit is not None or found.scores is not None:
        circuit = Circuit.empty(found.graph) if found.circuit is None else found.circuit
        write_circuit(out / CIRCUIT, circuit, found.scores)
        files.append(str(out / CIRCUIT))
    if found.scores is not None:
        write_scores(out / SCORES, found.scores)
        files.append(str(out / SCORES))
    return tuple(files)
