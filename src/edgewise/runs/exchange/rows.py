"""A result as rows of named columns, one for each edge (or node): what CSV, JSON lines and Parquet have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edgewise.errors import FormatError, ScoreError, SelectionError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.graph.named import NamedScores
from edgewise.graph.selection import among
from edgewise.runs.exchange.at_once import arrays_of
from edgewise.runs.exchange.cells import KEPT, MARKS, NUMBERS, PLACE, finite, truth_of
from edgewise.runs.exchange.format import Column, Exchanged

_IS_NEURON = re.compile(r"m\d+\.n\d+")
LOST = "scores of single prompts and of resamples, the number of prompts, the rest of the run"
Placed = tuple[str, Mapping[str, Any]]


def columns_of(result: Exchanged) -> dict[str, Column]:
    """By name, a value for every edge (or node) of the graph; None where a number is not known."""
    graph, scores, circuit = result.graph, result.scores, result.circuit
    columns: dict[str, Column]
    if isinstance(scores, NodeScores):
        which = np.ones(graph.n_sources, dtype=np.bool_)
        columns, kept = {"node": list(graph.sources)}, None if circuit is None else np.asarray(circuit.ends.any(axis=1))
    else:
        which, kept = graph.mask, None if circuit is None else circuit.mask
        i, j, *where = np.nonzero(which)
        sources, ends = (np.array(names, dtype=object) for names in (graph.sources, graph.destinations))
        columns = {"edge": graph.edge_names(), "source": sources[i].tolist(), "destination": ends[j].tolist()}
        if where:
            at = zip(j.tolist(), *(axis.tolist() for axis in where), strict=True)
            columns[PLACE] = [graph.place_name(*one) for one in at]
    if kept is not None:
        columns[KEPT] = kept[which].tolist()
    return columns | ({} if scores is None else numbers_of(scores, which))


def numbers_of(scores: NamedScores, which: BoolArray) -> dict[str, Column]:
    """What is known of some scores, a column each; ``which`` in their shape."""
    numbers, marks = (
        {name: array[which] for name, field in fields.items() if (array := getattr(scores, field)) is not None}
        for fields in (NUMBERS, MARKS)
    )
    return {name: _numbers(array) for name, array in numbers.items()} | {
        name: array.tolist() for name, array in marks.items()
    }


def from_rows(rows: Iterable[Placed], graph: Graph) -> Exchanged:
    """Return the result in rows; an edge (or node) without one is not in the circuit and has no score.

    Args:
        rows: each with its place, for messages. Columns that are not known are passed over.
        graph: that of the model.

    Raises:
        FormatError: a row without a name, one of something that the model does not have, a second one of the same, a
            value of the wrong kind.
    """
    rows = list(rows)
    table = _Table(_graph_with(graph, [str(row[PLACE]) for _, row in rows if row.get(PLACE)]))
    for where, row in rows:
        table.put(where, row)
    return table.result()


def from_columns(columns: Mapping[str, Sequence[Any]], graph: Graph, rows: Callable[[], Iterable[Placed]]) -> Exchanged:
    """Return the result in columns of edges, all at once where they are as they should be, else row by row.

    Args:
        columns: by name, a cell a row; None for an empty one.
        graph: that of the model.
        rows: the same as rows.

    Raises:
        FormatError: no rows at all; else as `from_rows`.
    """
    there = _graph_with(graph, dict.fromkeys(str(where) for where in columns.get(PLACE) or () if where))
    found = arrays_of(columns, there)
    if found is None:
        listed = list(rows())
        if not listed:
            raise FormatError("has no rows; give a row for each edge (or node)")
        return from_rows(listed, graph)
    kept, known = found
    circuit = None if kept is None else Circuit(there, kept)
    return Exchanged(there, circuit, _scores(there, "edge", known))


def _graph_with(graph: Graph, where: Iterable[str]) -> Graph:
    """The graph with the places that rows name, or its own if they are among these; readers where one has an arrow."""
    where = tuple(where)
    names = tuple(dict.fromkeys(part for name in where for part in name.split("->")))
    places = graph.places if names and set(names) <= set(graph.places) else names
    try:
        return graph.at_places(places, any("->" in name for name in where))
    except SelectionError as error:
        raise FormatError(f"column {PLACE}: {error}") from None


class _Table:
    """Arrays that are filled row by row."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._kept, self._known = graph, False, dict[str, np.ndarray[Any, Any]]()
        self._seen: dict[tuple[int, ...], str] = {}
        self._members: set[tuple[int, ...]] = set()
        self._level: str | None = None

    def put(self, where: str, row: Mapping[str, Any]) -> None:
        try:
            self._add(row)
        except (FormatError, SelectionError) as error:
            raise FormatError(f"{where}: {error}") from None

    def _add(self, row: Mapping[str, Any]) -> None:
        level, name = _named(row)
        if self._level not in (None, level):
            raise FormatError(f"names a {level}, and the rows before name {self._level}s; give one kind")
        self._level = level
        at = self._graph.edge(name) if level == "edge" else (self._graph.source_index(name),)
        if at in self._seen:
            raise FormatError(f"{level} '{name}' stands in two rows; leave one")
        self._seen[at] = name
        if row.get(KEPT) is not None:
            self._kept = True
            if truth_of(row[KEPT], KEPT):
                self._members.add(at)
        for column, field in NUMBERS.items():
            if row.get(column) is not None:
                self._array(field)[at] = finite(row[column], column)
        for column, field in MARKS.items():
            if row.get(column) is not None:
                self._array(field)[at] = truth_of(row[column], column)

    def _array(self, field: str) -> np.ndarray[Any, Any]:
        shape = self._graph.mask.shape if self._level == "edge" else (self._graph.n_sources,)
        if field not in self._known:
            marks = field in MARKS.values()
            self._known[field] = np.zeros(shape, dtype=np.bool_) if marks else np.full(shape, np.nan)
        return self._known[field]

    def result(self) -> Exchanged:
        circuit = self._circuit() if self._kept else None
        return Exchanged(self._graph, circuit, _scores(self._graph, self._level, self._known))

    def _circuit(self) -> Circuit:
        if self._level == "node":
            return among(self._graph, [self._graph.sources[at[0]] for at in self._members])
        mask = np.zeros_like(self._graph.mask)
        for at in self._members:
            mask[at] = True
        return Circuit(self._graph, mask)


def _scores(
    graph: Graph, level: str | None, arrays: Mapping[str, np.ndarray[Any, Any]]
) -> EdgeScores | NodeScores | None:
    """Scores from their arrays by field."""
    known = dict(arrays)
    values = known.pop("values", None)
    if values is None:
        return None
    if "verified" in known and "estimated" not in known:
        known["estimated"] = values.copy()
    if "verified" not in known:
        known = {name: array for name, array in known.items() if name not in ("estimated", "drawn")}
    kind: Any = NodeScores if level == "node" else EdgeScores
    exists = graph.mask if level == "edge" else np.ones(values.shape, dtype=np.bool_)
    try:
        made: EdgeScores | NodeScores = kind(
            graph, values, **known, allow_unscored=bool(np.isnan(values[exists]).any())
        )
    except ScoreError as error:
        raise FormatError(str(error)) from None
    return made


def _named(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a row is of, ``edge`` or ``node``, and its name."""
    if row.get("edge"):
        return "edge", str(row["edge"])
    if row.get("source") and row.get("destination"):
        at = f"@{row[PLACE]}" if row.get(PLACE) else ""
        return "edge", f"{row['source']}->{row['destination']}{at}"
    if _IS_NEURON.fullmatch(str(row.get("node"))):
        raise FormatError(f"'{row['node']}' is a neuron; a table of neurons is written and not read")
    if row.get("node"):
        return "node", str(row["node"])
    raise FormatError("names nothing; give a column 'edge', or 'source' and 'destination', or 'node'")


def _numbers(values: np.ndarray[Any, Any]) -> Column:
    """Floats, None for NaN."""
    numbers: Column = values.tolist()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        numbers[place] = None
    return numbers
