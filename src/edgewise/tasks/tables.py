"""Data files as rows of named fields: CSV, JSON (a list, or an object a line) and Parquet.

Only the container is read here; what the fields mean is the business of `edgewise.tasks.dialects`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.errors import DataError
from edgewise.json_text import parse_json, shown
from edgewise.tasks.parquet import read_rows

# More than prompts ever take: a file that is larger is not one of prompts, and reading it takes all memory.
MOST_BYTES = 2**30
# What tells a row from another object of a JSON file.
_FIELDS = {"clean", "clean_prefix"}


@dataclass(frozen=True)
class Record:
    """One row: its 1-based number (the line number in JSON lines) and its fields."""

    row: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class FileTable:
    """The rows of a file.

    Args:
        records: the rows in order, at least one.
        typed: whether a value can be told to be text, a number or a list; in CSV all values are text.
    """

    records: tuple[Record, ...]
    typed: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Every field name of any row, in the order of first appearance."""
        return tuple(dict.fromkeys(name for record in self.records for name in record.fields))


def read_table(path: Path) -> FileTable:
    """Read a file by its extension.

    Raises:
        DataError: unknown extension, unreadable, not UTF-8, not the format it claims, or without rows.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        what = f"unknown extension {path.suffix!r}" if path.suffix else "a name without extension"
        raise DataError(
            f"{path}: {'a folder' if path.is_dir() else what}; give a {', '.join(_READERS)} file with the fields "
            "clean, corrupted, answers, wrong_answers"
        )
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"{path}: {size / 2**30:.1f} GiB, more than a file of prompts may have (1 GiB); give fewer rows"
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{path}: cannot be read ({reason}); check the path (--data)") from error
    records = reader(path, content)
    if not records:
        raise DataError(f"{path}: no rows; give at least one prompt")
    return FileTable(records, typed=path.suffix.lower() != ".csv")


def _csv(path: Path, content: bytes) -> tuple[Record, ...]:
    rows = csv.reader(io.StringIO(_text(path, content), newline=""), strict=True)
    try:
        filled = [cells for cells in rows if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {rows.line_num}: invalid CSV ({error}); quote cells that hold commas or quotes, "
            'and double the quotes inside: "[""a"", ""b""]"'
        ) from error
    if not filled:
        return ()
    header = [name.strip() for name in filled[0]]
    repeated = [name for i, name in enumerate(header) if name and name in header[:i]]
    if repeated:
        raise DataError(f"{path}: two columns are named {shown(repeated[0])}; name each once")
    return tuple(_csv_record(path, row, header, cells) for row, cells in enumerate(filled[1:], start=1))


def _csv_record(path: Path, row: int, header: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(header):
        raise DataError(
            f"{path}: row {row} has {len(cells)} cells where the header has {len(header)}; quote cells that hold commas"
        )
    return Record(row, dict(zip(header, cells, strict=True)))


def _json(path: Path, content: bytes) -> tuple[Record, ...]:
    """JSON rows, one a line or in one document: which of the two is told by the content, not by the name."""
    text = _text(path, content)
    try:
        document = parse_json(text)
    except ValueError as error:
        if str(error).startswith("Extra data") or path.suffix.lower() == ".jsonl":
            return _json_lines(path, text)
        raise DataError(f"{path}: invalid JSON ({error}); write a list of rows") from None
    rows = document.get("prompts", document) if isinstance(document, dict) else document
    if isinstance(rows, dict) and _FIELDS & set(rows):
        return _json_lines(path, text) if path.suffix.lower() == ".jsonl" else (Record(1, rows),)
    if not isinstance(rows, list):
        raise DataError(f'{path}: neither a list of rows nor {{"prompts": [rows]}}; write one of them')
    return tuple(Record(row, _an_object(value, f"{path}, row {row}")) for row, value in enumerate(rows, start=1))


def _json_lines(path: Path, text: str) -> tuple[Record, ...]:
    filled = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return tuple(_json_line(path, number, line) for number, line in filled)


def _json_line(path: Path, number: int, line: str) -> Record:
    try:
        value = parse_json(line)
    except ValueError as error:
        said = str(error).replace("line 1 column", "column")
        raise DataError(
            f"{path}, line {number}: invalid JSON ({said}); write one object a line, or all in one list"
        ) from None
    return Record(number, _an_object(value, f"{path}, line {number}"))


def _an_object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f'{where}: {type(value).__name__} where a row belongs; write {{"clean": ..., ...}}')
    return value


def _parquet(path: Path, content: bytes) -> tuple[Record, ...]:
    return tuple(Record(row, fields) for row, fields in enumerate(read_rows(path, content), start=1))


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8"
        ) from error


_READERS: Mapping[str, Callable[[Path, bytes], tuple[Record, ...]]] = {
    ".csv": _csv,
    ".jsonl": _json,
    ".json": _json,
    ".parquet": _parquet,
}
