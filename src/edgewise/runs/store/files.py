"""Single files: circuits as our `.json`, or as EAP-IG's `.pt` or `.json`; scores as `.safetensors`.

EAP-IG's files carry minus our score (there positive means that the edge helps the metric); reading turns it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from edgewise.errors import FormatError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores, circuit_file, eapig
from edgewise.graph.score_arrays import ARRAYS, MARKS
from edgewise.json_text import json_bytes, parse_json
from edgewise.runs.store.atomic import write_bytes, write_through
from edgewise.runs.store.names import OF_NEURONS
from edgewise.runs.store.tensors import tensors_content
from edgewise.runs.store.torch_bytes import torch_bytes, torch_content

_FORMAT = "edgewise-scores"
_CIRCUIT_SUFFIXES = (".json", ".pt")
_FIELDS = (*(name for name in ARRAYS if name != "values"), *MARKS)


def write_circuit(path: str | Path, circuit: Circuit, scores: EdgeScores | NodeScores | None = None) -> None:
    """Write a circuit, atomically: as our circuit file, or in EAP-IG's format.

    Args:
        path: a `.json` file, ours; or a `.pt` file, EAP-IG's.
        circuit: the edges kept.
        scores: scores of all edges, or of all nodes; edges without one are unscored.

    Raises:
        FormatError: another suffix.
        OSError: the folder cannot be written.
    """
    path = Path(path)
    if circuit_suffix(path) == ".pt":
        write_bytes(path, torch_bytes(eapig.to_pt_dict(circuit, *by_level(scores))))
    else:
        write_bytes(path, circuit_json(circuit, scores))


def circuit_json(circuit: Circuit, scores: EdgeScores | NodeScores | None = None) -> bytes:
    """Return the text of our circuit file, as `write_circuit` writes it."""
    return (json.dumps(circuit_file.to_dict(circuit, scores)) + "\n").encode()


def read_circuit(path: str | Path, spec: GraphSpec | None = None) -> tuple[Circuit, EdgeScores | None]:
    """Read a circuit, and the scores beside it, from our circuit file, or from EAP-IG's `.json` or `.pt`.

    Args:
        path: the file.
        spec: the model's shape where the file does not say how many key/value heads there are.

    Returns:
        The circuit, and the scores with our sign (None where the file has none of edges).

    Raises:
        FormatError: another suffix, or a file that is not in the format; it names the field.
        OSError: the file cannot be read.
    """
    path = Path(path)
    content = _read_torch(path) if circuit_suffix(path) == ".pt" else _read_json(path)
    if isinstance(content, dict) and content.get("format") == OF_NEURONS:
        raise FormatError(f"{path}: of a run of neurons; evaluate it by its folder, `edgewise evaluate {path.parent}`")
    try:
        circuit, scores = _converter(path, content)(content, spec)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return circuit, scores if isinstance(scores, EdgeScores) else None


def _converter(path: Path, content: Any) -> Callable[[Any, GraphSpec | None], circuit_file.Found]:
    if path.suffix == ".pt":
        return eapig.from_pt_dict
    return circuit_file.from_dict if is_own(content) else eapig.from_json_dict


def is_own(content: object) -> bool:
    """Whether a parsed JSON file says that it is our circuit file."""
    return isinstance(content, Mapping) and content.get("format") == circuit_file.FORMAT


def write_scores(path: str | Path, scores: EdgeScores | NodeScores) -> None:
    """Write scores as safetensors, atomically; their dtype is kept.

    Tensor `scores`, and beside it `stderr`, `mean_abs`, `per_prompt`, `resampled`, `half_width`, `estimated`, `doubt`,
    `verified` (bool: where `scores` are exact effects) and `drawn` (bool: which of these a lot chose), where there are
    such. The metadata hold `sources` and
    `destinations` (JSON lists of names), `graph` (its shape), `level` and `n_prompts`, and `places` where edges are
    kept apart by place, which is then the last axis; `readers` says whether that of readers stands behind it.
    """
    write_through(Path(path), scores_content(scores))


def scores_content(scores: EdgeScores | NodeScores) -> Callable[[Path], None]:
    """A writer of what `write_scores` writes."""
    tensors = {"scores": scores.values} | {
        name: getattr(scores, name) for name in _FIELDS if getattr(scores, name) is not None
    }
    metadata = {
        "format": _FORMAT,
        "level": "node" if isinstance(scores, NodeScores) else "edge",
        "sources": json.dumps(scores.graph.sources),
        "destinations": json.dumps(scores.graph.destinations),
        "graph": json.dumps(asdict(scores.graph.spec)),
        **(
            {"places": json.dumps(scores.graph.places), "readers": json.dumps(scores.graph.readers)}
            if scores.graph.places
            else {}
        ),
        "n_prompts": json.dumps(scores.n_prompts),
    }
    return tensors_content(tensors, metadata)


def read_scores(path: str | Path) -> EdgeScores | NodeScores:
    """Read scores that `write_scores` or a run wrote.

    Raises:
        FormatError: not such a file; it names what is missing.
        ScoreError: a value that is not finite.
        OSError: the file cannot be read.
    """
    path = Path(path)
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != _FORMAT or "scores" not in tensors:
        raise FormatError(f"{path}: no scores of edgewise (metadata 'format' or tensor 'scores' is missing)")
    try:
        places, readers = (
            parse_json(metadata.get(name, left)) for name, left in (("places", "[]"), ("readers", "false"))
        )
        graph = Graph(GraphSpec(**parse_json(metadata["graph"])), tuple(places), readers is True)
        n_prompts = parse_json(metadata["n_prompts"])
        same = parse_json(metadata["sources"]) == list(graph.sources)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: metadata cannot be read ({error!r}); write the scores again") from error
    if not same:
        raise FormatError(f"{path}: metadata 'sources' are not those of its 'graph'; write the scores again")
    kind = NodeScores if metadata.get("level") == "node" else EdgeScores
    beside = {name: tensors[name] for name in _FIELDS if name in tensors}
    return kind(graph, tensors["scores"], **beside, n_prompts=n_prompts, allow_unscored=True)


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """All tensors of a file and its metadata.

    Raises:
        FormatError: it is no complete safetensors file.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise FormatError(f"{path}: not a complete safetensors file ({error}); write it again") from error


def by_level(
    scores: EdgeScores | NodeScores | None,
) -> tuple[EdgeScores | None, NodeScores | None]:
    """The scores of edges, and those of nodes."""
    return (None, scores) if isinstance(scores, NodeScores) else (scores, None)


def circuit_suffix(path: Path) -> str:
    """The suffix of a circuit's file. Raises FormatError for one that is none."""
    if path.suffix not in _CIRCUIT_SUFFIXES:
        raise FormatError(
            f"{path}: a circuit file ends in {' or '.join(_CIRCUIT_SUFFIXES)}; a run's is circuit.json in its folder,"
            " and `edgewise import` takes in other files"
        )
    return path.suffix


def _read_json(path: Path) -> Any:
    try:
        return parse_json(json_bytes(path))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error}); write the circuit again") from error


def _read_torch(path: Path) -> Any:
    try:
        return torch_content(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
