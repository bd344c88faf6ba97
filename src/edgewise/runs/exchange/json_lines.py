"""JSON lines: the rows of the table, an object a line; null is a number that is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgewise.errors import FormatError
from edgewise.graph import Graph
from edgewise.json_text import parse_json
from edgewise.runs.exchange.format import Exchanged, Format, text_of
from edgewise.runs.exchange.rows import LOST, Placed, from_rows, rows_of


def write(result: Exchanged) -> bytes:
    """The lines."""
    return "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in rows_of(result)).encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The result in lines."""
    return from_rows(_rows(text_of(content)), graph)


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
    "a table, one JSON object a line", ".jsonl", "scores, circuit", "ours", LOST, write, read, by_place=True
)
