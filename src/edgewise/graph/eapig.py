"""EAP-IG's graph formats as plain dicts, both ways; no file is touched here.

JSON: ``{"cfg": {...}, "nodes": {name: {"in_graph"}}, "edges": {name: {"score", "in_graph"}}}``.
``.pt``: a dict of ``cfg``, the lists ``src_nodes`` and ``dst_nodes``, and tensors ``edges_scores``,
``edges_in_graph`` (`[n_sources, n_destinations]`) and ``nodes_in_graph`` (`[n_sources]`).
With node scores, JSON nodes have a ``score`` and the ``.pt`` has ``nodes_scores``.
MIB submissions are these files too.

What differs from our values:

1. Sign. There, positive means that the edge helps the metric: file = minus our score.
2. Heads. There, every query head has its own k and v input (see `kv_heads`). A grouped model is marked by
   ``n_key_value_heads`` in ``cfg``, which others ignore.
3. Attention-only models, which EAP-IG does not have, are marked by ``attn_only`` in ``cfg`` and have no MLPs.
4. ``nodes`` repeats what the edges say: a node counts as in the graph when it has an outgoing edge and,
   unless it is ``input``, an incoming one. It is written; on reading, the edges decide.

Unscored edges are NaN. Where no edge exists the ``.pt`` holds zeros, as EAP-IG's own files do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgewise.errors import FormatError, SelectionError
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.circuit import Circuit
from edgewise.graph.eapig_cfg import read_cfg, write_cfg
from edgewise.graph.fields import entry, section, tensor_array
from edgewise.graph.graph import Graph
from edgewise.graph.kv_heads import kv_head_view, query_head_graph, query_head_view
from edgewise.graph.many_edges import field_of, numbers, places_of_edges
from edgewise.graph.scores import EdgeScores, NodeScores
from edgewise.graph.spec import GraphSpec

__all__ = [
    "edge_columns",
    "from_json_dict",
    "from_pt_dict",
    "node_scores_from_json_dict",
    "node_scores_from_pt_dict",
    "to_json_dict",
    "to_pt_dict",
    "without_edges",
]


def to_json_dict(
    circuit: Circuit, scores: EdgeScores | None = None, node_scores: NodeScores | None = None
) -> dict[str, Any]:
    """Return the dict of EAP-IG's graph JSON, with minus our scores.

    Args:
        circuit: the edges that are in the graph.
        scores: scores of the edges, on the circuit's graph; without them every edge is unscored, NaN.
        node_scores: scores of the nodes, on the circuit's graph; every source gets a ``score``.

    Raises:
        SelectionError: scores of another graph.
    """
    names, columns = edge_columns(circuit, scores)
    edges = {
        name: {"score": score, "in_graph": kept}
        for name, score, kept in zip(names, columns["score"], columns["in_graph"], strict=True)
    }
    return {**without_edges(circuit, node_scores), "edges": edges}


def without_edges(circuit: Circuit, node_scores: NodeScores | None = None) -> dict[str, Any]:
    """Return all of `to_json_dict` but the edges."""
    written, _ = _to_file(circuit, None, node_scores)
    graph = written.graph
    nodes = {
        name: {"in_graph": kept} for name, kept in zip(graph.sources, _nodes_in_graph(written).tolist(), strict=True)
    }
    if node_scores is not None:
        for name, score in zip(graph.sources, _turned(node_scores.values).tolist(), strict=True):
            nodes[name]["score"] = score
    nodes["logits"] = {"in_graph": True}
    return {"cfg": write_cfg(circuit.graph.spec), "nodes": nodes}


def edge_columns(circuit: Circuit, scores: EdgeScores | None = None) -> tuple[list[str], dict[str, list[Any]]]:
    """Return the names of the edges of a file, and by field what is said of each, in the order of the names."""
    written, values = _to_file(circuit, scores, None)
    exists = written.graph.mask
    return written.graph.edge_names(), {"score": values[exists].tolist(), "in_graph": written.mask[exists].tolist()}


def from_json_dict(d: Mapping[str, Any], spec: GraphSpec | None = None) -> tuple[Circuit, EdgeScores | None]:
    """Return the circuit and the scores (our sign, float64) in a dict of EAP-IG's graph JSON.

    Args:
        d: the parsed file. An edge it does not list is unscored and not in the circuit; a score that is null or
            missing, as in MIB's circuits, is none.
        spec: shape of the model, to say what ``cfg`` cannot (key/value heads); the rest must agree with it.

    Returns:
        The circuit, and the scores or None when no edge has one.

    Raises:
        FormatError: a field that is missing, of the wrong kind, or about an edge or node that does not exist.
    """
    spec = read_cfg(d, spec)
    graph = query_head_graph(Graph(spec))
    for name, node in section(d, "nodes").items():
        if name != "logits" and name not in graph.sources:
            raise FormatError(f"nodes: there is no '{name}' in a model of cfg's shape")
        if isinstance(node, Mapping) and "neurons" in node:
            raise FormatError(f"nodes['{name}'].neurons: circuits of single neurons are not supported")
    edges = section(d, "edges")
    mask, values = _at_once(edges, graph) or _one_by_one(edges, graph)
    return _from_file(graph, mask, values, spec)


def _at_once(edges: Mapping[str, Any], graph: Graph) -> tuple[BoolArray, FloatArray] | None:
    """Membership and score of all edges of a file, where it is as it should be."""
    at = places_of_edges(list(edges), graph)
    if at is None:
        return None
    kept = field_of(edges.values(), "in_graph", bool)
    scores = numbers(field_of(edges.values(), "score", float, int, type(None)))
    if kept is None or scores is None:
        return None
    mask, values = np.zeros_like(graph.mask), np.full(graph.mask.shape, np.nan)
    mask[at], values[at] = kept, scores
    return mask, values


def _one_by_one(edges: Mapping[str, Any], graph: Graph) -> tuple[BoolArray, FloatArray]:
    """The same of any file; raises FormatError with the edge that is not as it should be."""
    mask, values = np.zeros_like(graph.mask), np.full(graph.mask.shape, np.nan)
    for name, edge in edges.items():
        try:
            index = graph.edge(name)
        except SelectionError as error:
            raise FormatError(f"edges: {error}") from None
        where = f"edges['{name}']"
        mask[index] = entry(edge, "in_graph", bool, where)
        score = entry({"score": None, **edge}, "score", (float, int, type(None)), where)
        values[index] = _score(score, where)
    return mask, values


def _score(score: float | None, where: str) -> float:
    try:
        return np.nan if score is None else float(score)
    except OverflowError:
        raise FormatError(f"{where}.score is too large for a number; scores are finite") from None


def node_scores_from_json_dict(d: Mapping[str, Any], spec: GraphSpec | None = None) -> NodeScores | None:
    """Return the node scores (our sign, float64) in a dict of EAP-IG's graph JSON, or None when it has none.

    Raises:
        FormatError: a field that is missing or of the wrong kind.
    """
    graph = Graph(read_cfg(d, spec))
    nodes = section(d, "nodes")
    values = np.full(graph.n_sources, np.nan)
    for row, name in enumerate(graph.sources):
        node = {"score": None, **section(nodes, name, "nodes")}
        where = f"nodes['{name}']"
        values[row] = _score(entry(node, "score", (float, int, type(None)), where), where)
    return _node_scores(graph, values)


def to_pt_dict(
    circuit: Circuit, scores: EdgeScores | None = None, node_scores: NodeScores | None = None
) -> dict[str, Any]:
    """Return the dict that EAP-IG saves with ``torch.save``, with minus our scores; see `to_json_dict`."""
    import torch

    written, values = _to_file(circuit, scores, node_scores)
    d = {
        "cfg": write_cfg(circuit.graph.spec),
        "src_nodes": list(written.graph.sources),
        "dst_nodes": list(written.graph.destinations),
        "edges_scores": torch.from_numpy(np.where(written.graph.mask, values, values.dtype.type(0))),
        "edges_in_graph": torch.from_numpy(written.mask.copy()),
        "nodes_in_graph": torch.from_numpy(_nodes_in_graph(written)),
    }
    if node_scores is not None:
        d["nodes_scores"] = torch.from_numpy(_turned(node_scores.values))
    return d


def from_pt_dict(d: Mapping[str, Any], spec: GraphSpec | None = None) -> tuple[Circuit, EdgeScores | None]:
    """Return the circuit and the scores (our sign) in a dict of EAP-IG's ``.pt``; see `from_json_dict`.

    Raises:
        FormatError: a field that is missing, of the wrong shape, or naming other nodes than ``cfg`` implies.
    """
    spec = read_cfg(d, spec)
    graph = query_head_graph(Graph(spec))
    if "neurons_in_graph" in d:
        raise FormatError("neurons_in_graph: circuits of single neurons are not supported")
    for field, wanted in (("src_nodes", graph.sources), ("dst_nodes", graph.destinations)):
        found = tuple(entry(d, field, (list, tuple), ""))
        if found != wanted:
            raise FormatError(f"{field} are not those of cfg's shape: {_first_difference(found, wanted)}")
    # MIB's circuits have no scores.
    without = np.full(graph.mask.shape, np.nan)
    values = _array(d, "edges_scores", graph.mask.shape) if "edges_scores" in d else without
    # A node-level circuit of EAP-IG marks whole rows, also where there is no edge.
    mask = _array(d, "edges_in_graph", graph.mask.shape).astype(np.bool_) & graph.mask
    _array(d, "nodes_in_graph", (graph.n_sources,))
    return _from_file(graph, mask, np.where(graph.mask, values, np.nan), spec)


def node_scores_from_pt_dict(d: Mapping[str, Any], spec: GraphSpec | None = None) -> NodeScores | None:
    """Return the node scores (our sign) in a dict of EAP-IG's ``.pt`` format, or None when it has none.

    Raises:
        FormatError: a field that is missing or of the wrong shape.
    """
    graph = Graph(read_cfg(d, spec))
    return _node_scores(graph, _array(d, "nodes_scores", (graph.n_sources,))) if "nodes_scores" in d else None


def _to_file(circuit: Circuit, scores: EdgeScores | None, node_scores: NodeScores | None) -> tuple[Circuit, FloatArray]:
    """Circuit and turned scores on the query-head graph."""
    for given in (scores, node_scores):
        if given is not None and given.graph != circuit.graph:
            raise SelectionError(f"scores are of {given.graph.spec}, the circuit is of {circuit.graph.spec}")
    written = query_head_view(circuit)
    if scores is None:
        return written, np.full(written.mask.shape, np.nan)
    return written, _turned(query_head_view(scores).values)


def _from_file(graph: Graph, mask: BoolArray, values: FloatArray, spec: GraphSpec) -> tuple[Circuit, EdgeScores | None]:
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        raise FormatError(f"the score of '{graph.edge_name(*infinite[0].tolist())}' is infinite; scores are finite")
    circuit = kv_head_view(Circuit(graph, mask), spec)
    missing = np.isnan(values[graph.mask])
    if missing.all():
        return circuit, None
    scores = EdgeScores(graph, _turned(values), allow_unscored=bool(missing.any()))
    return circuit, kv_head_view(scores, spec)


def _node_scores(graph: Graph, values: FloatArray) -> NodeScores | None:
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise FormatError(f"the score of node '{graph.sources[infinite[0]]}' is infinite; scores are finite")
    missing = np.isnan(values)
    return None if missing.all() else NodeScores(graph, _turned(values), allow_unscored=bool(missing.any()))


def _turned(values: FloatArray) -> FloatArray:
    """Minus the scores, without negative zeros."""
    return np.asarray(0 - values, dtype=values.dtype)


def _nodes_in_graph(circuit: Circuit) -> BoolArray:
    fed = np.array((circuit.graph.reads & circuit.mask.any(axis=0)).any(axis=1), dtype=np.bool_)
    fed[circuit.graph.input_source] = True
    return np.asarray(circuit.mask.any(axis=1) & fed, dtype=np.bool_)


def _array(d: Mapping[str, Any], field: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    import torch

    tensor = entry(d, field, torch.Tensor, "")
    if tuple(tensor.shape) != shape:
        raise FormatError(f"{field} has shape {list(tensor.shape)}; cfg's shape needs {list(shape)}")
    return tensor_array(tensor, field)


def _first_difference(found: tuple[Any, ...], wanted: tuple[str, ...]) -> str:
    for index, (have, want) in enumerate(zip(found, wanted, strict=False)):
        if have != want:
            return f"number {index} is {have!r}, expected '{want}'"
    return f"{len(found)} names, expected {len(wanted)}"
