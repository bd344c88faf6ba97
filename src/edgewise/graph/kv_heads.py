"""Grouped-query attention seen one query head at a time, and back.

Natively a key or value input belongs to a key/value head that serves a group of query heads. Formats that
know only query heads give each of them its own k and v input: membership is copied, and each copy gets an
equal share of the score, so that a group's scores add up to the native one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, overload

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.circuit import Circuit
from edgewise.graph.graph import Graph
from edgewise.graph.score_arrays import ARRAYS, MARKS
from edgewise.graph.scores import EdgeScores
from edgewise.graph.spec import GraphSpec

__all__ = ["kv_head_view", "query_head_graph", "query_head_view"]


def query_head_graph(graph: Graph) -> Graph:
    """Return the graph with one key and one value input for every query head."""
    return replace(graph, spec=replace(graph.spec, n_kv_heads=graph.spec.n_heads))


@overload
def query_head_view(native: Circuit) -> Circuit: ...
@overload
def query_head_view(native: EdgeScores) -> EdgeScores: ...
def query_head_view(native: Circuit | EdgeScores) -> Circuit | EdgeScores:
    """Return the same circuit or scores on `query_head_graph`; unchanged when heads are not grouped.

    A circuit's membership is copied to every query head of a group. Scores, and their spread, are divided by
    the group's size on the k and v inputs.
    """
    if not native.graph.spec.is_grouped:
        return native
    graph = query_head_graph(native.graph)
    column = _native_column(native.graph)
    if isinstance(native, Circuit):
        return Circuit(graph, native.mask[:, column])
    copies = np.bincount(column)[column].astype(native.values.dtype)
    copies = copies.reshape(-1, *(1,) * (graph.mask.ndim - 2))
    known = {name: getattr(native, name) for name in (*ARRAYS, *MARKS) if getattr(native, name) is not None}
    axis = _columns(graph)
    spread = {name: array.take(column, axis) for name, array in known.items()}
    return replace(native, graph=graph, **{n: v / copies if n in ARRAYS else v for n, v in spread.items()})


@overload
def kv_head_view(by_query: Circuit, spec: GraphSpec) -> Circuit: ...
@overload
def kv_head_view(by_query: EdgeScores, spec: GraphSpec) -> EdgeScores: ...
def kv_head_view(by_query: Circuit | EdgeScores, spec: GraphSpec) -> Circuit | EdgeScores:
    """Return the circuit or scores of a query-head graph on the native graph of `spec`.

    Membership is joined: an edge is kept when any copy in its group is. Scores are summed over the group, and
    are unscored when any of them is, and exact when all of them are. Spreads do not follow from those of the parts
    and are dropped.

    Raises:
        SelectionError: `by_query` is not on the query-head graph of `spec`.
    """
    graph = replace(by_query.graph, spec=spec)
    if by_query.graph != query_head_graph(graph):
        raise SelectionError(f"cannot group the heads of {by_query.graph.spec} as {spec}: the shapes differ")
    if not spec.is_grouped:
        return by_query
    column, axis = _native_column(graph), _columns(graph)
    if isinstance(by_query, Circuit):
        return Circuit(graph, _join(np.logical_or, by_query.mask, column, axis))
    per_prompt, resampled = by_query.per_prompt, by_query.resampled
    verified, estimated = by_query.verified, by_query.estimated
    return EdgeScores(
        graph,
        _join(np.add, by_query.values, column, axis),
        per_prompt=None if per_prompt is None else _join(np.add, per_prompt, column, axis),
        resampled=None if resampled is None else _join(np.add, resampled, column, axis),
        n_prompts=by_query.n_prompts,
        allow_unscored=by_query.allow_unscored,
        verified=None if verified is None else _join(np.logical_and, verified, column, axis),
        estimated=None if estimated is None else _join(np.add, estimated, column, axis),
    )


def _native_column(graph: Graph) -> np.ndarray[Any, np.dtype[np.intp]]:
    """For every destination of the query-head graph, the native destination it is a copy of."""
    columns: list[int] = []
    for layer in range(graph.spec.n_layers):
        columns += range(graph.q(layer).start, graph.q(layer).stop)
        for part in (graph.k(layer), graph.v(layer)):
            columns += np.repeat(np.arange(part.start, part.stop), graph.spec.group_size).tolist()
        columns += [graph.mlp(layer)] if graph.spec.has_mlp else []
    return np.array([*columns, graph.logits], dtype=np.intp)


def _columns(graph: Graph) -> int:
    """The axis of destinations."""
    return 1 - graph.mask.ndim


def _join(add: np.ufunc, array: np.ndarray[Any, Any], column: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
    """Combine along the axis of destinations the copies of each native column."""
    first_copy = np.flatnonzero(np.diff(column, prepend=-1))
    return np.asarray(add.reduceat(array, first_copy, axis=axis), dtype=array.dtype)
