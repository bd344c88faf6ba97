"""CSV: a header and one line for each edge (or node); an empty cell is a number that is not known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from edgewise.errors import FormatError
from edgewise.graph import Graph
from edgewise.runs.exchange.format import Column, Exchanged, Format, text_of
from edgewise.runs.exchange.rows import LOST, Placed, columns_of, from_columns

_TRUTH = {True: "true", False: "false"}


def write(result: Exchanged) -> bytes:
    """The table."""
    return table(columns_of(result))


def table(columns: Mapping[str, Column]) -> bytes:
    """Any columns as a table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_cells, columns.values()), strict=True))
    return text.getvalue().encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The result in a table."""
    text = text_of(content)
    return from_columns(_columns(text), graph, lambda: _rows(text))


def _cells(column: Column) -> Column:
    """A column as the writer takes it: None is an empty cell already."""
    return list(map(_TRUTH.__getitem__, column)) if column and isinstance(column[0], bool) else column


def _columns(text: str) -> dict[str, Column]:
    """The columns by name, None for an empty cell; none where the table is not one of a header and equal lines."""
    try:
        header, *rows = csv.reader(io.StringIO(text), strict=True)
    except (csv.Error, ValueError):
        return {}
    if set(map(len, rows)) != {len(header)} or len(set(header)) < len(header):
        return {}
    return {name: [cell or None for cell in cells] for name, cells in zip(header, zip(*rows, strict=True), strict=True)}


def _rows(text: str) -> Iterator[Placed]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if not reader.fieldnames:
            raise FormatError("empty; the first line names the columns, such as edge,score,in_circuit")
        for row in reader:
            where = f"line {reader.line_num}"
            if None in row:
                raise FormatError(f"{where}: more cells than the first line names columns")
            yield where, {name: value or None for name, value in row.items()}
    except csv.Error as error:
        raise FormatError(f"line {reader.line_num}: not CSV ({error})") from None


FORMAT = Format(
    "a table, one line an edge (or node)",
    ".csv",
    "scores, circuit",
    "ours",
    LOST,
    write,
    read,
    by_place=True,
    table=table,
)
