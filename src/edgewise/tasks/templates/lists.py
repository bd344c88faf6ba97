"""Lists of fillers: words, a table in the template, or a CSV file beside it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.errors import DataError, did_you_mean
from edgewise.json_text import shown
from edgewise.tasks import words
from edgewise.tasks.templates.patterns import Filler
from edgewise.tasks.templates.template import WordList

SEVERAL = "|"
"""Between the texts of a field that has several."""

_FIELD_OF_WORDS = "text"
_CONTENTS = ("fillers", "words", "table", "csv")
OWN = {"names": words.NAMES, "places": words.PLACES, "objects": words.OBJECTS, "events": words.EVENTS}
"""Lists of edgewise's own that a template can name with `words`."""


def read_list(name: str, value: Any, folder: Path) -> WordList:
    """A list from what a template says of it.

    Args:
        name: the list's.
        value: an array of words, or a table with `fillers`, `words` (a name in `OWN`), `table` (CSV text)
            or `csv` (a file), and `distinct`.
        folder: where files are looked for.

    Raises:
        DataError: naming the list and the fix.
    """
    where = f"list {name!r}"
    said = value if isinstance(value, Mapping) else {"fillers": value}
    given = [key for key in said if key != "distinct"]
    if len(given) != 1 or given[0] not in _CONTENTS:
        raise DataError(f"{where} has {', '.join(map(shown, given)) or 'nothing'}; give one of {', '.join(_CONTENTS)}")
    fillers = _fillers(given[0], said[given[0]], where, folder)
    return WordList(name, _distinct_texts(fillers, where), _distinct_field(said.get("distinct"), fillers, where))


def _fillers(kind: str, value: Any, where: str, folder: Path) -> tuple[Filler, ...]:
    if kind == "fillers":
        return _words(value, where)
    text = _text(value, f"{where}, {kind}")
    if kind == "csv":
        return _file(folder / text, where)
    if kind == "table":
        return _table(text.strip().splitlines(), where)
    if text not in OWN:
        raise DataError(f"{where}: no words {text!r}{did_you_mean(text, OWN)}; there are {', '.join(OWN)}")
    return _words(list(OWN[text]), where)


def _words(value: Any, where: str) -> tuple[Filler, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise DataError(f'{where}: {shown(value)} is not a list of words; write ["one", "two"]')
    return tuple(Filler(((_FIELD_OF_WORDS, (word,)),)) for word in value)


def _file(path: Path, where: str) -> tuple[Filler, ...]:
    try:
        return _table(path.read_text(encoding="utf-8-sig").splitlines(), f"{where}, {path}")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise DataError(f"{where}: {path} cannot be read ({reason}); check the path and its text") from error


def _table(lines: Sequence[str], where: str) -> tuple[Filler, ...]:
    """The rows behind a header."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, strict=True, skipinitialspace=True) if row]
    except csv.Error as error:
        raise DataError(f"{where}: invalid CSV ({error}); quote cells that hold commas or quotes") from error
    header = rows[0] if rows else []
    if not header or len(set(header)) < len(header) or not all(name.isidentifier() for name in header):
        raise DataError(f"{where}: its first line is {shown(header)}; name each column once, in letters")
    return tuple(_row(header, row, number, where) for number, row in enumerate(rows[1:], start=1))


def _row(header: Sequence[str], cells: Sequence[str], number: int, where: str) -> Filler:
    if len(cells) != len(header) or not all(cells):
        raise DataError(f"{where}: row {number} is {shown(cells)}; fill in {', '.join(header)}")
    return Filler(tuple((name, tuple(cell.split(SEVERAL))) for name, cell in zip(header, cells, strict=True)))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: {shown(value)} is not text; give text")
    return value


def _distinct_texts(fillers: tuple[Filler, ...], where: str) -> tuple[Filler, ...]:
    if not fillers:
        raise DataError(f"{where} is empty; give at least one filler")
    texts = [filler.text for filler in fillers]
    twice = [text for place, text in enumerate(texts) if text in texts[:place]]
    if twice:
        raise DataError(f"{where}: {shown(twice[0])} stands there twice; give each filler once")
    return fillers


def _distinct_field(field: Any, fillers: tuple[Filler, ...], where: str) -> str | None:
    if field is not None and field not in fillers[0].names:
        raise DataError(f"{where}, distinct: {shown(field)} is no field; it has {', '.join(fillers[0].names)}")
    return None if field is None else str(field)
