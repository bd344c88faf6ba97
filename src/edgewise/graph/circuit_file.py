"""Our own circuit file as a plain dict, both ways: what a run says, in the graph's native names and with our sign.

``{"format", "format_version", "graph", "level", "edges": {name: {"in_circuit", "score", "exact", "estimate"}},
"nodes": {name: {"score", "exact", "estimate"}}}``; docs/files.md is the specification.

1. ``edges`` lists each edge that is kept or scored; one that it does not list is neither.
2. A score estimates L(patched) - L(clean): negative helps. It has as many digits as the run.
3. ``exact`` is there once some scores were measured; where it is true, ``estimate`` is what the method had said.
4. ``places`` lists the places in the prompt where edges are kept apart by them; then each edge has one in its name,
   and ``edges`` lists those that are kept; ``readers`` says whether keys and values are kept apart by reader too.
5. ``level`` says what is scored, ``edge`` or ``node``; it is null, and there are no scores, where nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from edgewise.errors import FormatError, ModelError, SelectionError
from edgewise.graph.arrays import BoolArray
from edgewise.graph.circuit import Circuit
from edgewise.graph.circuit_said import said_of_edges, said_of_nodes
from edgewise.graph.fields import entry, section
from edgewise.graph.graph import Graph
from edgewise.graph.kv_heads import kv_head_view, query_head_view
from edgewise.graph.scores import EdgeScores, NodeScores
from edgewise.graph.spec import GraphSpec

__all__ = ["FORMAT", "VERSION", "from_dict", "on_graph_of", "to_dict"]

FORMAT, VERSION = "edgewise-circuit", 1
# Of more scored edges a file would be gigabytes of text; all scores are in scores.safetensors anyway.
MOST_LISTED = 200_000
Found = tuple[Circuit, EdgeScores | NodeScores | None]


def to_dict(circuit: Circuit, scores: EdgeScores | NodeScores | None = None) -> dict[str, Any]:
    """Return the dict of a circuit file.

    Args:
        circuit: the edges kept.
        scores: of its graph's edges or nodes; without them nothing is scored.

    Raises:
        SelectionError: scores of another graph.
    """
    graph = circuit.graph
    if scores is not None and scores.graph != graph:
        raise SelectionError(f"scores are of {scores.graph.spec}, the circuit is of {graph.spec}")
    level = None if scores is None else scores.what
    listed, said = _listed(circuit, scores)
    of_edges = said if level == "edge" else {}
    edges = {
        graph.edge_name(*at): {"in_circuit": bool(circuit.mask[at]), **of_edges.get(at, {})}
        for at in map(tuple, np.argwhere(listed).tolist())
    }
    shape: dict[str, Any] = {"graph": asdict(graph.spec)}
    shape |= {"places": list(graph.places), "readers": graph.readers} if graph.places else {}
    top = {"format": FORMAT, "format_version": VERSION, **shape, "level": level, "edges": edges}
    return top | ({"nodes": {graph.sources[at[0]]: known for at, known in said.items()}} if level == "node" else {})


def from_dict(d: Mapping[str, Any], spec: GraphSpec | None = None) -> Found:
    """Return the circuit and the scores (float64) in the dict of a circuit file.

    Args:
        d: the parsed file.
        spec: the model's shape; key and value inputs are joined or copied to it (`on_graph_of`), the rest must agree.

    Raises:
        FormatError: a field that is missing, of the wrong kind, or about an edge or node that does not exist; another
            version of the format; a file of another model.
    """
    version = entry(d, "format_version", int, "")
    if version != VERSION:
        raise FormatError(f"format_version is {version}, and this edgewise reads {VERSION}; write the circuit again")
    graph = _graph(section(d, "graph"), d.get("places", []), d.get("readers", False))
    level = entry(d, "level", (str, type(None)), "")
    if level not in ("edge", "node", None):
        raise FormatError(f"level is {level!r:.40}, expected 'edge', 'node' or null")
    mask, said = said_of_edges(section(d, "edges"), graph, level)
    if level == "node":
        said = said_of_nodes(section(d, "nodes"), graph)
    found = Circuit(graph, mask), said.scores(graph, level)
    return found if spec is None else on_graph_of(spec, *found)


def on_graph_of(spec: GraphSpec, circuit: Circuit, scores: EdgeScores | NodeScores | None) -> Found:
    """Return a circuit and its scores on a model's graph, which may group heads otherwise than they do.

    Raises:
        FormatError: they are of another model.
    """
    own = circuit.graph.spec
    if own == spec:
        return circuit, scores
    for field in ("n_layers", "n_heads", "d_model", "has_mlp", "parallel"):
        there, wanted = getattr(own, field), getattr(spec, field)
        if there != wanted:
            raise FormatError(f"graph: {field} is {there}, the model's is {wanted}; the file is of another model")
    if own.is_grouped and spec.is_grouped:
        raise FormatError(
            f"graph: n_kv_heads is {own.kv_heads}, the model's is {spec.kv_heads}; the file is of another model"
        )
    if isinstance(scores, NodeScores):
        moved: EdgeScores | NodeScores | None = NodeScores(
            Graph(spec),
            scores.values,
            verified=scores.verified,
            estimated=scores.estimated,
            allow_unscored=scores.allow_unscored,
        )
    elif scores is None:
        moved = None
    else:
        moved = query_head_view(scores) if own.is_grouped else kv_head_view(scores, spec)
    return query_head_view(circuit) if own.is_grouped else kv_head_view(circuit, spec), moved


def _listed(
    circuit: Circuit, scores: EdgeScores | NodeScores | None
) -> tuple[BoolArray, dict[tuple[int, ...], dict[str, Any]]]:
    """The edges of the file, and what is said of those and of nodes that are scored.

    Of scores of more edges than `MOST_LISTED`, or of edges at places, those in the circuit alone are in the file.
    """
    if scores is None:
        return circuit.mask, {}
    scored = ~np.isnan(scores.values)
    if scores.what == "node":
        return circuit.mask, _said(scores, scored)
    few = int(scored.sum()) <= MOST_LISTED and not circuit.graph.places
    return (circuit.mask | scored if few else circuit.mask), _said(scores, scored if few else scored & circuit.mask)


def _said(scores: EdgeScores | NodeScores, which: BoolArray) -> dict[tuple[int, ...], dict[str, Any]]:
    """What is said of some edges or nodes, by place."""
    values, verified, estimated = scores.values, scores.verified, scores.estimated
    said: dict[tuple[int, ...], dict[str, Any]] = {}
    for place in np.argwhere(which).tolist():
        at = tuple(place)
        said[at] = {"score": float(values[at])}
        if verified is not None:
            said[at]["exact"] = bool(verified[at])
            if verified[at] and estimated is not None and not np.isnan(estimated[at]):
                said[at]["estimate"] = float(estimated[at])
    return said


def _graph(fields: Mapping[str, Any], places: Any, readers: Any) -> Graph:
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise FormatError(f"places is {places!r:.40}, expected a list of names")
    if not isinstance(readers, bool):
        raise FormatError(f"readers is {readers!r:.40}, expected true or false")
    try:
        return Graph(GraphSpec(**fields), tuple(places), readers)
    except SelectionError as error:
        raise FormatError(f"places: {error}") from None
    except ModelError as error:
        raise FormatError(f"graph: {error}") from None
    except TypeError as error:
        raise FormatError(f"graph: {str(error).removeprefix('GraphSpec.__init__() ')}") from None
