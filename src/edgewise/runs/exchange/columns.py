"""Parquet: the rows of the table; pyarrow, which writes and reads it, is an extra."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from edgewise.errors import FormatError, in_words
from edgewise.graph import Graph
from edgewise.runs.exchange.format import Column, Exchanged, Format
from edgewise.runs.exchange.rows import LOST, columns_of, from_columns


def write(result: Exchanged) -> bytes:
    """The file."""
    return table(columns_of(result))


def table(columns: Mapping[str, Column]) -> bytes:
    """Any columns as a file."""
    arrow, parquet = _pyarrow()
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(dict(columns)), buffer)
    return buffer.getvalue()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The result in a file."""
    arrow, parquet = _pyarrow()
    try:
        table = parquet.read_table(arrow.BufferReader(content))
        columns = {name: column.to_pylist() for name, column in zip(table.column_names, table.columns, strict=True)}
    except (arrow.ArrowException, OSError, ValueError) as error:  # text that is not UTF-8 is the last
        raise FormatError(f"not Parquet, or damaged ({in_words(error, 120)}); write it again") from None
    return from_columns(columns, graph, lambda: ((f"row {at}", row) for at, row in enumerate(table.to_pylist(), 1)))


def _pyarrow() -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise FormatError("Parquet needs pyarrow; install it with: pip install 'edgewise[parquet]'") from error
    return pyarrow, parquet


FORMAT = Format(
    "a table, in columns", ".parquet", "scores, circuit", "ours", LOST, write, read, by_place=True, table=table
)
