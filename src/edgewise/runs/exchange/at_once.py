"""A table of edges as arrays, column by column, where every cell is as it should be.

What is not (another spelling, a second row of an edge, a cell of another kind) gives None: `rows.from_rows` then goes
through the table row by row and says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgewise.errors import FormatError
from edgewise.graph import Graph
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.graph.many_edges import Places, numbers, places_of_edges
from edgewise.runs.exchange.cells import KEPT, MARKS, NUMBERS, truth_of

Cells = Sequence[Any]
Array = np.ndarray[Any, Any]


def arrays_of(columns: Mapping[str, Cells], graph: Graph) -> tuple[BoolArray | None, dict[str, Array]] | None:
    """Return which edges are in the circuit, None where no cell says so, and the arrays of scores by field.

    Args:
        columns: by name; None for an empty cell.
        graph: of the model, at the table's places.
    """
    at = _places(columns, graph)
    if at is None:
        return None
    kept = _marks(columns.get(KEPT), at, graph)
    found: dict[str, Array | None] = {
        field: _numbers(columns.get(column), at, graph) for column, field in NUMBERS.items()
    }
    found |= {field: _marks(columns.get(column), at, graph) for column, field in MARKS.items()}
    if kept is Odd or any(array is Odd for array in found.values()):
        return None
    return kept, {field: array for field, array in found.items() if array is not None}


# What stands for a column with a cell that is not as it should be.
Odd: Any = object()


def _places(columns: Mapping[str, Cells], graph: Graph) -> Places | None:
    names = list(columns.get("edge") or ())
    if not names or set(map(type, names)) != {str}:
        return None
    at = places_of_edges(names, graph)
    if at is None:
        return None
    there = np.zeros(graph.mask.shape, dtype=np.bool_)
    there[at] = True
    return at if int(there.sum()) == len(names) else None


def _numbers(cells: Cells | None, at: Places, graph: Graph) -> FloatArray | None:
    """A column of numbers in the shape of the graph, NaN where there is none; None where no cell has one."""
    if cells is None or (missing := cells.count(None)) == len(cells):
        return None
    if set(map(type, cells)) - {float, int, str, type(None)}:
        return Odd  # type: ignore[no-any-return]
    try:
        found = numbers([None if cell is None else float(cell) for cell in cells])
    except (ValueError, OverflowError):
        return Odd  # type: ignore[no-any-return]
    if found is None or np.isinf(found).any() or int(np.isnan(found).sum()) != missing:
        return Odd  # type: ignore[no-any-return]
    array = np.full(graph.mask.shape, np.nan)
    array[at] = found
    return array


def _marks(cells: Cells | None, at: Places, graph: Graph) -> BoolArray | None:
    """A column of yes and no in the shape of the graph; None where no cell says either."""
    if cells is None or cells.count(None) == len(cells):
        return None
    if len(set(map(type, cells)) - {type(None)}) > 1:
        return Odd  # type: ignore[no-any-return]
    try:
        said = {cell: cell is not None and truth_of(cell, "") for cell in set(cells)}
    except (FormatError, TypeError):
        return Odd  # type: ignore[no-any-return]
    array: BoolArray = np.zeros(graph.mask.shape, dtype=np.bool_)
    array[at] = list(map(said.__getitem__, cells))
    return array
