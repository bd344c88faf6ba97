"""Data files as rows of named fields: CSV, JSON (a list, or an object a line) and Parquet.

Only the container is read here, row by row and no further than is asked for; what the fields mean is the business of
`edgewise.tasks.dialects`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from edgewise.errors import DataError
from edgewise.json_text import parse_json, shown
from edgewise.tasks.parquet import read_rows

# More than prompts ever take: a file that is larger is not one of prompts, and reading it takes all memory.
MOST_BYTES = 2**30
# A JSON document is read as one, and takes twenty times its size.
MOST_OF_A_DOCUMENT = 2**26
# What tells a row from another object of a JSON file.
_FIELDS = {"clean", "clean_prefix"}


@dataclass(frozen=True)
class Record:
    """One row: its 1-based number (the line number in JSON lines) and its fields."""

    row: int
    fields: Mapping[str, Any]


# Reads the rows of a file, at least as many as are wanted; None for all.
Rows = Callable[[int | None], Iterable[Record]]


class Records:
    """The rows of a file, read anew by whoever goes through them: however many there are, one is in memory.

    Args:
        read: the rows.

    Attributes:
        columns: every field name of any row, in the order of first appearance.
    """

    def __init__(self, read: Callable[[], Iterable[Record]]) -> None:
        self._read, self._n, columns = read, 0, dict[str, None]()
        for record in read():
            columns.update(dict.fromkeys(record.fields))
            self._n += 1
        self.columns = tuple(columns)

    def __iter__(self) -> Iterator[Record]:
        """Read them."""
        return iter(self._read())

    def __len__(self) -> int:
        """How many there are."""
        return self._n


@dataclass(frozen=True)
class FileTable:
    """The rows of a file.

    Args:
        records: the rows in order, at least one.
        typed: whether a value can be told to be text, a number or a list; in CSV all values are text.
        whole: whether there are no others in the file.
    """

    records: Records
    typed: bool
    whole: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Every field name of any row, in the order of first appearance."""
        return self.records.columns


def read_table(path: Path, most: int | None = None) -> FileTable:
    """Read a file by its extension.

    Args:
        path: the file.
        most: how many rows are read; all by default.

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
        _refuse_large(path, MOST_BYTES)
        rows = reader(path)
        records = Records(lambda: islice(rows(most), most))
        whole = most is None or next(islice(rows(most + 1), most, None), None) is None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{path}: cannot be read ({reason}); check the path (--data)") from error
    if not records:
        raise DataError(f"{path}: no rows; give at least one prompt")
    return FileTable(records, path.suffix.lower() != ".csv", whole)


def _refuse_large(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise DataError(
            f"{path}: {size / 2**30:.1f} GiB, more than a file of prompts may have ({most / 2**30:g} GiB); give fewer"
            " rows, or one object a line"
        )


def _csv(path: Path) -> Rows:
    return lambda most: _csv_rows(path)


def _csv_rows(path: Path) -> Iterator[Record]:
    rows = csv.reader((part for _, line in _lines(path) for part in _LINE.findall(line)), strict=True)
    filled = _filled(path, rows)
    header = [name.strip() for name in next(filled, ())]
    repeated = [name for i, name in enumerate(header) if name and name in header[:i]]
    if repeated:
        raise DataError(f"{path}: two columns are named {shown(repeated[0])}; name each once")
    yield from (_csv_record(path, row, header, cells) for row, cells in enumerate(filled, start=1))


# Lines may end in a carriage return alone.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def _filled(path: Path, rows: Any) -> Iterator[list[str]]:
    try:
        yield from (cells for cells in rows if any(cell.strip() for cell in cells))
    except csv.Error as error:
        raise DataError(
            f"{path}, line {rows.line_num}: invalid CSV ({error}); quote cells that hold commas or quotes, "
            'and double the quotes inside: "[""a"", ""b""]"'
        ) from error


def _csv_record(path: Path, row: int, header: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(header):
        raise DataError(
            f"{path}: row {row} has {len(cells)} cells where the header has {len(header)}; quote cells that hold commas"
        )
    return Record(row, dict(zip(header, cells, strict=True)))


def _json(path: Path) -> Rows:
    """JSON rows, one a line or in one document: which of the two is told by the content, not by the name."""
    filled = ((number, line) for number, line in _lines(path) if line.strip())
    first, second = next(filled, None), next(filled, None)
    if first is not None and second is not None and _is_json(first[1]):
        return lambda most: _json_lines(path)
    _refuse_large(path, MOST_OF_A_DOCUMENT)
    document = _json_document(path, "".join(line for _, line in _lines(path)))
    return lambda most: document() if callable(document) else document


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def _json_document(path: Path, text: str) -> tuple[Record, ...] | Callable[[], Iterable[Record]]:
    """The rows of one document, or what reads those of lines."""
    try:
        document = parse_json(text)
    except ValueError as error:
        if str(error).startswith("Extra data") or path.suffix.lower() == ".jsonl":
            return partial(_json_lines, path)
        raise DataError(f"{path}: invalid JSON ({error}); write a list of rows") from None
    rows = document.get("prompts", document) if isinstance(document, dict) else document
    if isinstance(rows, dict) and _FIELDS & set(rows):
        return partial(_json_lines, path) if path.suffix.lower() == ".jsonl" else (Record(1, rows),)
    if not isinstance(rows, list):
        raise DataError(f'{path}: neither a list of rows nor {{"prompts": [rows]}}; write one of them')
    return tuple(Record(row, _an_object(value, f"{path}, row {row}")) for row, value in enumerate(rows, start=1))


def _json_lines(path: Path) -> Iterator[Record]:
    return (_json_line(path, number, line.rstrip("\n")) for number, line in _lines(path) if line.strip())


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


def _parquet(path: Path) -> Rows:
    return lambda most: (Record(row, fields) for row, fields in enumerate(read_rows(path), start=1))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file, with their ends, numbered from 1."""
    with path.open("rb") as file:
        yield from ((number, _text(path, number, line)) for number, line in enumerate(file, start=1))


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: not UTF-8 (byte {line[error.start]:#04x}); save the file as UTF-8"
        ) from error


# By the ending: from the file to what reads its rows, given how many are wanted.
_READERS: Mapping[str, Callable[[Path], Rows]] = {
    ".csv": _csv,
    ".jsonl": _json,
    ".json": _json,
    ".parquet": _parquet,
}
