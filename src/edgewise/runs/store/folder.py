"""A run folder: `run.json`, `scores.safetensors` and `circuit.json`, which change together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgewise import processes
from edgewise.errors import EdgewiseError, FormatError, RunConflictError, RunError
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.score_arrays import ARRAYS
from edgewise.notebook import ShownInNotebook
from edgewise.runs.config import RunConfig
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.identity import changed, identity
from edgewise.runs.sized import Sized
from edgewise.runs.store.analysis import EVALUATIONS, Analysis, analyses, forget_analyses, stored
from edgewise.runs.store.atomic import content
from edgewise.runs.store.checkpoint import PROGRESS, load_checkpoint
from edgewise.runs.store.codec import from_json, read_json
from edgewise.runs.store.commit import commit, pending
from edgewise.runs.store.examples import EXAMPLES, Examples
from edgewise.runs.store.files import circuit_json, read_circuit, read_scores, scores_content
from edgewise.runs.store.lock import writing
from edgewise.runs.store.names import PAGE, VERIFICATION_PICTURES
from edgewise.runs.store.neurons import holds_neurons
from edgewise.runs.store.record import RunRecord

RUN, SCORES, CIRCUIT, TRACE = "run.json", "scores.safetensors", "circuit.json", "trace.jsonl"
PICTURES = ("circuit.svg", "circuit.png", "scores.svg", "scores.png")
ON_REQUEST = (
    *("circuit-dark.png", "scores-dark.png"),
    *(f"{name}{end}" for name in ("unrolled", "places") for end in (".svg", ".png", "-dark.png")),
)
# Results of several runs that speak of this one.
BESIDE = "beside.json"
# What `discover` measures of the circuit that it found, beside the run.
FAITHFULNESS = "faithfulness"
# How the size of a circuit was measured, where its rule asks for that.
SIZES = "sizes"
READ_NEURONS = "see it with `edgewise show` or `open`, in Python read it with load_neuron_run"
_FIX = "run again with --overwrite"
# So many runs are named of a folder of them.
_NAMED = 5


@dataclass(frozen=True, eq=False, repr=False)
class Run(ShownInNotebook):
    """A finished run.

    Args:
        folder: where it is stored.
        record: the content of its `run.json`.
        scores: of every edge, or of every node.
        circuit: the edges selected.
        reused: whether it was there already and nothing was computed.
        evaluated: what was measured of the circuit right after; None where that was not done.
        unmeasured: why it could not be done just now; None where nothing was in the way.
        selected_anew: whether its scores were there already and only the circuit is new.
        sized: how the size of its circuit was measured; None where that was not asked for, or not done yet.
        unsized: why it could not be done just now; None where nothing was in the way.
    """

    folder: Path
    record: RunRecord
    scores: EdgeScores | NodeScores
    circuit: Circuit
    reused: bool = False
    evaluated: Evaluated | None = None
    unmeasured: str | None = None
    selected_anew: bool = False
    sized: Sized | None = None
    unsized: str | None = None

    def __repr__(self) -> str:
        """Show the folder, what was run, and how good the circuit is."""
        config, of = self.config, f"{self.circuit.n_edges:,} of {self.circuit.graph.n_edges:,} edges"
        kept = None if self.evaluated is None else self.evaluated.faithfulness
        good = "" if kept is None else f", faithfulness {kept:.3f}"
        what = f"{config.model} on {self.record.prompts.name}, {config.method}"
        return f"Run({str(self.folder)!r}: {what}, {of}{good})"

    @property
    def config(self) -> RunConfig:
        """What was asked for."""
        return self.record.config

    @property
    def edge_scores(self) -> EdgeScores:
        """The scores, which must be of edges. Raises RunError."""
        if not isinstance(self.scores, EdgeScores):
            raise RunError(f"{self.folder}: holds no scores of edges; choose another folder, or --overwrite it")
        return self.scores

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with the circuit and what to try, one line each, by all that was measured of it."""
        return self.record.notes if self.evaluated is None else self.evaluated.notes


def write_run(
    folder: Path,
    record: RunRecord,
    scores: EdgeScores | NodeScores,
    circuit: Circuit,
    trace: bytes | None = None,
    examples: Examples | None = None,
) -> None:
    """Put a finished run in the place of whatever the folder held; the caller holds its lock.

    `run.json` comes last: where it stands, the run is finished. Pictures and analyses of what the folder held go
    first: a kill in between leaves a run without them, never with another run's.

    Raises:
        OSError: the folder cannot be written; it is then as it was.
    """
    _forget_pictures(folder)
    forget_analyses(folder)
    commit(
        folder,
        {
            SCORES: scores_content(scores),
            CIRCUIT: content(circuit_json(circuit, scores)),
            **({} if trace is None else {TRACE: content(trace)}),
            **({} if examples is None else {EXAMPLES: content(examples.to_bytes())}),
            RUN: content(record.to_bytes()),
        },
        gone=(PROGRESS, *([TRACE] if trace is None else []), *([EXAMPLES] if examples is None else [])),
    )


def replace_circuit(run: Run, record: RunRecord, circuit: Circuit, beside: Mapping[str, bytes]) -> tuple[str, ...]:
    """Put another circuit of a run's scores into its folder; the caller holds its lock.

    Its evaluations go first, for they are of the circuit before.

    Args:
        run: as it is.
        record: its new record.
        circuit: its new circuit.
        beside: other files that change with it.

    Returns:
        The names of the files of results that went.
    """
    folder = run.folder
    gone = tuple(path.name for path in forget_analyses(folder, EVALUATIONS) if path.suffix == ".json")
    _forget_pictures(folder)
    commit(
        folder,
        {
            CIRCUIT: content(circuit_json(circuit, run.scores)),
            **{name: content(text) for name, text in beside.items()},
            RUN: content(record.to_bytes()),
        },
    )
    return gone


def _forget_pictures(folder: Path) -> None:
    every = (*PICTURES, *ON_REQUEST, PAGE, *VERIFICATION_PICTURES, BESIDE)
    for name in every if processes.first() else ():
        (folder / name).unlink(missing_ok=True)


def load_run(folder: str | Path, *, instead: str = READ_NEURONS) -> Run:
    """Read a finished run.

    Args:
        folder: the run's.
        instead: what to do with a run of neurons, which is none of edges or nodes, for the message.

    Raises:
        RunError: there is no such folder, or no finished run in it.
        FormatError: a file in it is not what `discover` writes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder; give the --out of a finished `edgewise discover`")
    if holds_neurons(folder):
        raise RunError(f"{folder}: holds a run of neurons, and this takes one of edges or nodes; {instead}")
    if pending(folder):
        with writing(folder):  # taking the lock finishes the write
            pass
    return read_run(folder)


def read_run(folder: Path, *, reused: bool = False) -> Run:
    """Read a finished run of a folder in which no write is pending; raises as `load_run`."""
    record = read_record(folder)
    if record is None:
        raise RunError(f"{folder}: {_unfinished(folder)}")
    for name in (SCORES, CIRCUIT):
        if not (folder / name).is_file():
            raise RunError(f"{folder}: {name} is missing beside run.json; run again with --overwrite")
    scores = read_scores(folder / SCORES)
    circuit, _ = read_circuit(folder / CIRCUIT, scores.graph.spec)
    return Run(
        folder,
        record,
        scores,
        circuit,
        reused,
        evaluated=stored(Analysis(folder, FAITHFULNESS), Evaluated),
        sized=stored(Analysis(folder, SIZES), Sized),
    )


def read_record(folder: Path) -> RunRecord | None:
    """Read `run.json`; None where there is none. Raises FormatError when it is not ours."""
    path = folder / RUN
    if not path.is_file():
        return None
    return from_json(RunRecord, read_json(path, _FIX), str(path), _FIX)


def require_free(folder: Path, config: RunConfig) -> None:
    """Refuse a folder that holds something else than a run of this config, finished or not.

    Raises:
        RunConflictError: naming what is there.
    """
    try:
        found = read_record(folder)
    except FormatError as error:
        raise RunConflictError(f"{error}; or choose another folder") from error
    if found is None:
        strangers = [name for name in (SCORES, CIRCUIT) if (folder / name).exists()]
        strangers += [path.name for path in analyses(folder)]
        if strangers:
            raise RunConflictError(
                f"{folder}: holds {strangers[0]} of no finished run; choose another folder, or --overwrite it"
            )
        refuse_other(folder, _unfinished_differences(folder, config), "unfinished run")


def refuse_other(folder: Path, differing: tuple[str, ...], what: str = "run") -> None:
    """Refuse a folder whose run differs from that asked for: RunConflictError with the differences."""
    if differing:
        raise RunConflictError(
            f"{folder}: holds another {what} ({'; '.join(differing)}); choose another folder, or --overwrite it"
        )


def require_same_files(folder: Path, config: RunConfig, what: str) -> None:
    """Refuse to go on with what was begun on other files of the model or the data, rather than begin it anew unasked.

    Raises:
        RunConflictError: naming the files.
    """
    checkpoint = load_checkpoint(folder)
    if checkpoint is not None:
        refuse_other(folder, changed(checkpoint.key.get("identity") or {}, identity(config)), what)


def as_stored(scores: EdgeScores | NodeScores, dtype: str) -> EdgeScores | NodeScores:
    """Return the scores in the precision a run folder keeps: float64 when the run asked for it, else float32.

    The circuit is selected from these, so that selecting again from the file gives the same one.
    """
    kind = np.float64 if dtype == "float64" else np.float32
    cast = {name: array.astype(kind) for name in ARRAYS if (array := getattr(scores, name)) is not None}
    return replace(scores, **cast)


def _unfinished_differences(folder: Path, config: RunConfig) -> tuple[str, ...]:
    checkpoint = load_checkpoint(folder)
    if checkpoint is None:
        return ()
    try:
        there = from_json(RunConfig, checkpoint.key["config"], "config")
        recorded = dict(checkpoint.key["identity"])
    except (EdgewiseError, KeyError, TypeError, ValueError):
        return ("of another version of edgewise",)
    return there.differences(config.scored) or changed(recorded, identity(config))


def _unfinished(folder: Path) -> str:
    if load_checkpoint(folder) is not None:
        return "holds an unfinished run; start the same `edgewise discover` command again to finish it"
    within = sorted(one.name for one in folder.iterdir() if (one / RUN).is_file() or holds_neurons(one))
    if within:
        more = f" and {len(within) - _NAMED} more" if len(within) > _NAMED else ""
        return f"holds no run itself; give one of those in it: {', '.join(within[:_NAMED])}{more}"
    return "holds no run; give the --out of a finished `edgewise discover`"
