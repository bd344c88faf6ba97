"""Columns of a file under the names of our fields: `--map clean=question`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgewise.errors import DataError, did_you_mean
from edgewise.tasks.tables import FileTable, Record, Records

FIELDS = ("clean", "corrupted", "answers", "wrong_answers", "positions")


def mapped(table: FileTable, columns: Mapping[str, str], origin: str) -> FileTable:
    """A table whose fields of ours are other columns of it.

    Args:
        table: the rows.
        columns: field -> column; "a.b" is the part b of column a.
        origin: the file, to begin messages with.

    Raises:
        DataError: no such field or column.
    """
    for field, column in columns.items():
        if field not in FIELDS:
            near = did_you_mean(field, FIELDS)
            raise DataError(f"--map {field}={column}: no field {field!r}{near}; the fields: {', '.join(FIELDS)}")
        if column.partition(".")[0] not in table.columns:
            near = did_you_mean(column, table.columns)
            shown = ", ".join(table.columns[:20])
            raise DataError(f"{origin}: --map {field}={column}, but there is no such column{near}; it has {shown}")
    return replace(table, records=Records(lambda: (_mapped(record, columns) for record in table.records)))


def _mapped(record: Record, columns: Mapping[str, str]) -> Record:
    return Record(record.row, {**record.fields, **{field: _part(record.fields, at) for field, at in columns.items()}})


def _part(fields: Mapping[str, Any], column: str) -> Any:
    if column in fields:
        return fields[column]
    name, _, rest = column.partition(".")
    inside = fields.get(name)
    return _part(inside, rest) if rest and isinstance(inside, Mapping) else None
