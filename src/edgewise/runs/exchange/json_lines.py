"""JSON lines: the rows of the table, an object a line; null is a number that is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from edgewise.errors import FormatError
from edgewise.graph import Graph
from edgewise.json_text import parse_json
from edgewise.runs.exchange.format import Column, Exchanged, Format, text_of
from edgewise.runs.exchange.rows import LOST, Placed, columns_of, from_columns


def write(result: Exchanged) -> bytes:
    """The lines."""
    return table(columns_of(result))


def table(columns: Mapping[str, Column]) -> bytes:
    """Any columns as lines."""
    fields = ", ".join(f"{json.dumps(name)}: %s" for name in columns)
    line = f"{{{fields}}}\n"
    # A column is written at once, which is many times as fast as a row; no name of an edge has a comma in it.
    written = (json.dumps(column, allow_nan=False)[1:-1].split(", ") for column in columns.values())
    return "".join(map(line.__mod__, zip(*written, strict=True))).encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The result in lines."""
    rows = list(_rows(text_of(content)))
    names = dict.fromkeys(name for _, row in rows[:1] for name in row)
    columns = {name: [row.get(name) for _, row in rows] for name in names}
    alike = all(row.keys() == names.keys() for _, row in rows)
    return from_columns(columns if alike else {}, graph, lambda: rows)


def _rows(text: str) -> Iterator[Placed]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise FormatError(f"line {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise FormatError(f"line {number}: {type(row).__name__}, expected an object")
        yield f"line {number}", row


FORMAT = Format(
    "a table, one JSON object a line",
    ".jsonl",
    "scores, circuit",
    "ours",
    LOST,
    write,
    read,
    by_place=True,
    table=table,
)
