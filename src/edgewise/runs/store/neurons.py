"""A run of neurons: `neurons.json`, `neurons.safetensors` and `neurons.csv`, which change together or not at all.

Where edges of neurons were scored, they are in the second of these, and as a table in `neuron-edges.csv`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edgewise.errors import EdgewiseError, FormatError, RunError
from edgewise.graph import Graph, GraphSpec
from edgewise.graph.neuron_edges import NeuronEdges
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.json_text import parse_json
from edgewise.notebook import ShownInNotebook
from edgewise.runs.config import RunConfig
from edgewise.runs.sized import Sized
from edgewise.runs.store.analysis import Analysis, stored
from edgewise.runs.store.atomic import content
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.codec import from_json, read_json, to_json
from edgewise.runs.store.commit import commit, pending
from edgewise.runs.store.files import read_safetensors
from edgewise.runs.store.lock import writing
from edgewise.runs.store.names import PAGE, VERIFICATION, VERIFICATION_PICTURES
from edgewise.runs.store.neuron_record import NeuronEvaluated, NeuronRecord
from edgewise.runs.store.neuron_tables import edges_table, neurons_table
from edgewise.runs.store.tensors import tensors_content

RECORD, SCORES, TABLE = "neurons.json", "neurons.safetensors", "neurons.csv"
EDGE_TABLE = "neuron-edges.csv"
FAITHFULNESS, EVALUATION, SIZES = "neurons-faithfulness", "neurons-evaluation", "neurons-sizes"
"""What `discover` measures of the circuit that it found; `evaluate`, with its curves; how its size was measured."""
PICTURES = ("neurons.svg", "neurons.png", "neurons-dark.png")
_MEASURED = (FAITHFULNESS, EVALUATION, SIZES, VERIFICATION)
_FORMAT = "edgewise-neuron-scores"
_ARRAYS = ("stderr", "mean_abs", "estimated", "verified")
_EDGES = ("into", "out_of", "into_stderr", "out_of_stderr")
_FIX = "run again with --overwrite"


@dataclass(frozen=True, eq=False, repr=False)
class NeuronRun(ShownInNotebook):
    """A finished run of neurons.

    Args:
        folder: where it is stored.
        record: the content of its `neurons.json`.
        scores: of every head and neuron.
        circuit: those that are kept.
        edges: of the best neurons; None where they were not asked for.
        reused: whether it was there already and nothing was computed.
        evaluated: what was measured of the circuit right after; None where that was not done.
        curves: what `evaluate` measured; None where that was not done.
        unmeasured: why the circuit could not be measured just now; None where nothing was in the way.
        sized: how the size of its circuit was measured; None where that was not asked for, or not done yet.
        unsized: why it could not be done just now; None where nothing was in the way.
    """

    folder: Path
    record: NeuronRecord
    scores: NeuronScores
    circuit: NeuronCircuit
    edges: NeuronEdges | None = None
    reused: bool = False
    evaluated: NeuronEvaluated | None = None
    curves: NeuronEvaluated | None = None
    unmeasured: str | None = None
    sized: Sized | None = None
    unsized: str | None = None

    @property
    def config(self) -> RunConfig:
        """What was asked for."""
        return self.record.config

    def __repr__(self) -> str:
        """Show the folder, what was run, and how good the circuit is."""
        config, kept = self.config, None if self.evaluated is None else self.evaluated.faithfulness
        good = "" if kept is None else f", faithfulness {kept:.3f}"
        what = f"{config.model} on {self.record.prompts.name}, {config.method}"
        return f"NeuronRun({str(self.folder)!r}: {what}, {self.circuit!r}{good})"


def holds_neurons(folder: str | Path) -> bool:
    """Whether a folder holds a finished run of neurons."""
    return (Path(folder) / RECORD).is_file()


def write_neuron_run(
    folder: Path,
    record: NeuronRecord,
    scores: NeuronScores,
    circuit: NeuronCircuit,
    edges: NeuronEdges | None = None,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Put a finished run in the place of another; the caller holds the folder's lock.

    Args:
        folder: where it goes.
        record: its record.
        scores: its scores.
        circuit: its circuit.
        edges: of the best neurons, if any were scored.
        beside: other files that come with it. What was measured of another circuit goes.

    Raises:
        OSError: the folder cannot be written; it is then as it was.
    """
    measured = [f"{name}{end}" for name in _MEASURED for end in (".json", ".progress.safetensors")]
    commit(
        folder,
        {
            SCORES: _scores_content(scores, edges),
            TABLE: content(neurons_table(scores, circuit)),
            **({} if edges is None else {EDGE_TABLE: content(edges_table(edges))}),
            **{name: content(text) for name, text in beside.items()},
            RECORD: content((json.dumps(to_json(record), indent=2, allow_nan=False) + "\n").encode()),
        },
        gone=(
            PROGRESS,
            PAGE,
            *PICTURES,
            *VERIFICATION_PICTURES,
            *(name for name in measured if name not in beside),
            *([EDGE_TABLE] if edges is None else []),
        ),
    )


def with_neuron_circuit(
    run: NeuronRun,
    config: RunConfig,
    circuit: NeuronCircuit,
    rule: str,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Put another circuit of a run's scores into its folder, whose lock the caller holds.

    Args:
        run: as it is.
        config: with the rule that was asked for.
        circuit: the new one.
        rule: in words.
        beside: other files that change with it.
    """
    record = record_with_circuit(run.record, config, circuit, rule)
    write_neuron_run(run.folder, record, run.scores, circuit, run.edges, beside)


def record_with_circuit(record: NeuronRecord, config: RunConfig, circuit: NeuronCircuit, rule: str) -> NeuronRecord:
    """A record that says another circuit; arguments as of `with_neuron_circuit`."""
    counts = replace(record.counts, circuit_heads=circuit.n_heads, circuit_neurons=circuit.n_neurons)
    return replace(record, config=config, counts=counts, rule=rule, circuit=tuple(circuit))


def read_neuron_record(folder: Path) -> NeuronRecord | None:
    """Read `neurons.json`; None where there is none. Raises FormatError when it is not ours."""
    path = folder / RECORD
    return from_json(NeuronRecord, read_json(path, _FIX), str(path), _FIX) if path.is_file() else None


def load_neuron_run(folder: str | Path) -> NeuronRun:
    """Read a finished run of neurons.

    Raises:
        RunError: there is none in the folder.
        FormatError: a file in it is not what `discover` writes.
    """
    folder = Path(folder)
    if folder.is_dir() and pending(folder):
        with writing(folder):  # taking the lock finishes the write
            pass
    record = read_neuron_record(folder)
    if record is None:
        raise RunError(f"{folder}: holds no run of neurons; give the --out of a finished `discover --level neuron`")
    if not (folder / SCORES).is_file():
        raise RunError(f"{folder}: {SCORES} is missing beside {RECORD}; {_FIX}")
    scores, edges = _read_scores(folder / SCORES)
    try:
        circuit = NeuronCircuit.from_nodes(scores.graph, record.circuit)
    except EdgewiseError as error:
        raise FormatError(f"{folder / RECORD}: field 'circuit': {error}; {_FIX}") from error
    return NeuronRun(
        folder,
        record,
        scores,
        circuit,
        edges,
        evaluated=stored(Analysis(folder, FAITHFULNESS), NeuronEvaluated),
        curves=stored(Analysis(folder, EVALUATION), NeuronEvaluated),
        sized=stored(Analysis(folder, SIZES), Sized),
    )


def neurons_as_stored(scores: NeuronScores, dtype: str) -> NeuronScores:
    """Return the scores in the precision a folder keeps: float64 when the run asked for it, else float32."""
    kind = np.float64 if dtype == "float64" else np.float32
    names = ("values", "stderr", "mean_abs", "estimated")
    return replace(
        scores, **{name: array.astype(kind) for name in names if (array := getattr(scores, name)) is not None}
    )


def _scores_content(scores: NeuronScores, edges: NeuronEdges | None) -> Any:
    arrays = {name: array for name in _ARRAYS if (array := getattr(scores, name)) is not None}
    metadata = {
        "format": _FORMAT,
        "graph": json.dumps(asdict(scores.graph.spec)),
        "widths": json.dumps(scores.graph.widths),
        "n_prompts": json.dumps(scores.n_prompts),
    }
    if edges is not None:
        metadata["neurons"] = json.dumps(edges.neurons)
        arrays |= {name: getattr(edges, name) for name in _EDGES}
    return tensors_content({"scores": scores.values, **arrays}, metadata)


def _read_scores(path: Path) -> tuple[NeuronScores, NeuronEdges | None]:
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != _FORMAT or "scores" not in tensors:
        raise FormatError(f"{path}: no scores of neurons (metadata 'format' or tensor 'scores' is missing); {_FIX}")
    try:
        graph = NeuronGraph(GraphSpec(**parse_json(metadata["graph"])), tuple(parse_json(metadata["widths"])))
        beside: dict[str, Any] = {name: tensors[name] for name in _ARRAYS if name in tensors}
        scores = NeuronScores(graph, tensors["scores"], **beside, n_prompts=parse_json(metadata["n_prompts"]))
        if "neurons" not in metadata:
            return scores, None
        named = tuple(parse_json(metadata["neurons"]))
        return scores, NeuronEdges(Graph(graph.spec), named, *(tensors[name] for name in _EDGES))
    except (KeyError, TypeError, ValueError, EdgewiseError) as error:
        raise FormatError(f"{path}: cannot be read ({error}); {_FIX}") from error
