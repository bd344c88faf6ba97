"""A file of another program, taken in: as a run, where prompts are named, else as our circuit file and scores file.

1. The file is read by the names of a model's edges.
2. With prompts, those of a task, a data file or of the run whose graph it is: a run of method ``imported``, whose
   metric is measured on them. Its circuit is the file's, or where that has none or a rule is given, the one that the
   rule selects by the file's scores.
3. Without: ``circuit.json`` and ``scores.safetensors``, and what cannot be done with them is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.errors import FormatError, RunConflictError, RunError
from edgewise.graph import Circuit
from edgewise.methods import IMPORTED
from edgewise.models import load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import Exchanged
from edgewise.runs.methods.imported import digest, read_as, reading
from edgewise.runs.steps import Execution
from edgewise.runs.store.files import write_circuit, write_scores
from edgewise.runs.store.folder import CIRCUIT, RUN, SCORES, Run, load_run, read_record
from edgewise.runs.store.neurons import holds_neurons
from edgewise.settings import described
from edgewise.settings.model import ModelSettings
from edgewise.settings.selection import Selection
from edgewise.tasks.places import kind_of

# Suffix -> format, where a suffix belongs to one alone.
BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".graphml": "graphml"}
NO_RUN = (
    "no prompts were named, so this is no run: `edgewise evaluate --circuit` and `edgewise export` take circuit.json;"
    " give --task or --data, or a run for --graph, for show, draw, verify and compare"
)


# No rule: the file says which edges.
BY_FILE = Selection()


@dataclass(frozen=True, eq=False)
class Taken:
    """What was taken in.

    Args:
        format: the format's name.
        files: what was written.
        found: scores, circuit or both.
        run: the run that was made; None where no prompts were named.
        lacks: what cannot be done with it, a line each.
    """

    format: str
    files: tuple[str, ...]
    found: Exchanged
    run: Run | None
    lacks: tuple[str, ...]


def take_in(
    path: str | Path,
    graph: str,
    out: str | Path,
    name: str | None = None,
    given: Mapping[str, Any] = {},
    selection: Selection = BY_FILE,
    execution: Execution = Execution(),
) -> Taken:
    """Read a file of another program and write what is in it as ours.

    Args:
        path: the file.
        graph: whose graph it is of: a model's name, or the folder of a finished run, whose prompts are then taken
            where no others are named.
        out: the folder of the run; without prompts, of ``circuit.json`` and, where the file has scores,
            ``scores.safetensors``.
        name: of the format; by default by the suffix.
        given: settings of a run by name, see `RunConfig`: how the model is loaded, the prompts, the metric.
        selection: which edges make the circuit; by default the file's, where it has one.
        execution: how it is carried out, `Execution`.

    Raises:
        FormatError: a file that is not in the format; the message names the place.
        RunError: a folder that holds a result already.
        EdgewiseError: anything wrong with the model or the prompts.
        OSError: a file cannot be read or written.
    """
    path, out = Path(path), Path(out)
    name = name or _by_suffix(path)
    reading(name)
    content, base = path.read_bytes(), _base(graph)
    asked: dict[str, Any] = {"model": graph} if base is None else _of_run(base, given)
    asked |= given
    loading = {one.name: asked[one.name] for one in described(ModelSettings) if one.name in asked}
    shape = load_model(loading.pop("model"), **loading).graph if base is None else base.circuit.graph
    found = read_as(path, name, content, shape)
    if asked.get("task") is None and asked.get("data") is None:
        _refuse_rule(selection)
        return Taken(name, _stored(found, out), found, None, (NO_RUN, *_lacks(found)))
    run = _as_run(path, name, content, found, asked, selection, out, execution)
    return Taken(name, tuple(str(out / one) for one in (RUN, SCORES, CIRCUIT)), found, run, _lacks(found))


def readable() -> tuple[str, ...]:
    """The names of the formats that can be read."""
    return tuple(name for name in FORMATS if FORMATS.load(name).read is not None)


def _by_suffix(path: Path) -> str:
    if path.suffix not in BY_SUFFIX:
        raise FormatError(f"{path}: the suffix does not tell its format; give --format, one of {', '.join(readable())}")
    return BY_SUFFIX[path.suffix]


def _base(of: str) -> Run | None:
    """The run whose graph is meant; None for a model."""
    return load_run(of) if (Path(of) / RUN).is_file() or holds_neurons(of) else None


def _of_run(base: Run, given: Mapping[str, Any]) -> dict[str, Any]:
    """The model and the prompts of a run, without the prompts where others are named."""
    config = base.config
    kept = {one.name: getattr(config, one.name) for one in described(RunConfig)}
    others = {"method", "settings", "selection", "exact", "budget", "until", "bootstrap", "per_prompt", "level"}
    if given.get("task") is not None or given.get("data") is not None:
        others |= {"task", "data", "columns", "options", "hold_out", "metric"}
    return {name: value for name, value in kept.items() if name not in others}


def _as_run(
    path: Path,
    name: str,
    content: bytes,
    found: Exchanged,
    asked: Mapping[str, Any],
    selection: Selection,
    out: Path,
    execution: Execution,
) -> Run:
    own = found.circuit is not None and selection == BY_FILE
    settings = {"file": str(path), "format": name, "sha256": digest(content), "own_circuit": own}
    level = "edge" if found.scores is None else found.scores.what
    places = found.graph.places
    of_file = {"level": level, "positions": kind_of(places) if places else None, "readers": found.graph.readers}
    config = RunConfig(**{**asked, **of_file}, method=IMPORTED, settings=settings, selection=selection)
    if found.scores is None and not own:
        raise FormatError(f"{path}: has no scores to select edges by; leave --top and the like out")
    record = read_record(out)
    if record is not None and record.config.method == IMPORTED and record.config.selection != selection:
        raise RunConflictError(f"{out}: holds the import by another rule; use `edgewise select {out} --out FOLDER`")
    return discover(config, out, execution)


def _refuse_rule(selection: Selection) -> None:
    if selection != BY_FILE:
        raise RunError("--top and the like select the circuit of a run, which needs prompts; give --task or --data")


def _lacks(found: Exchanged) -> tuple[str, ...]:
    """What cannot be done with what was read."""
    if found.scores is None:
        return ("the file has no scores: no ranking, so no `select`, no curve, no `verify`",)
    n, all_of = len(found.scores), found.graph.n_edges if found.scores.what == "edge" else found.graph.n_sources
    if n < all_of:
        return (f"{all_of - n:,} of {all_of:,} {found.scores.what}s have no score; curves end at {n:,}",)
    return ()


def _stored(found: Exchanged, out: Path) -> tuple[str, ...]:
    if any((out / one).exists() for one in (RUN, CIRCUIT, SCORES)):
        raise RunError(f"--out {out}: holds a result already; choose another folder")
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
