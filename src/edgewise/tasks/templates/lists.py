"""Lists of fillers: words, a table in the template, or a CSV file beside it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.errors import DataError, did_you_mean
from edgewise.json_text import shown
from edgewise.tasks import words
from edgewise.tasks.templates.patterns import Filler, word
from edgewise.tasks.templates.template import WordList

SEVERAL = "|"
"""Between the texts of a field that has several."""

_CONTENTS = ("fillers", "words", "table", "csv", "within")
_TRIED = ("after", "space", "least")
OWN = {
    "names": words.NAMES,
    "places": words.PLACES,
    "objects": words.OBJECTS,
    "events": words.EVENTS,
    "arguments": words.ARGUMENTS,
    "things": words.THINGS,
}
"""Lists of edgewise's own that a template can name with `words`."""


def read_list(name: str, value: Any, folder: Path, others: Mapping[str, WordList] | None = None) -> WordList:
    """A list from what a template says of it.

    Args:
        name: the list's.
        value: an array of words, or a table with `fillers`, `words` (a name in `OWN`, or several), `table` (CSV text),
            `csv` (a file) or `within` (another list), and `distinct`, `after`, `space` and `least`.
        folder: where files are looked for.
        others: lists that were read before.

    Raises:
        DataError: naming the list and the fix.
    """
    where = f"list {name!r}"
    said = value if isinstance(value, Mapping) else {"fillers": value}
    given = [key for key in said if key not in ("distinct", *_TRIED)]
    if len(given) != 1 or given[0] not in _CONTENTS:
        raise DataError(f"{where} has {', '.join(map(shown, given)) or 'nothing'}; give one of {', '.join(_CONTENTS)}")
    within = _outer(said["within"], others or {}, where) if given == ["within"] else None
    fillers = within.fillers if within else _fillers(given[0], said[given[0]], where, folder)
    distinct = _distinct_field(said.get("distinct"), _distinct_texts(fillers, where), where)
    after = _after(said, where)
    return WordList(
        name,
        fillers,
        distinct,
        after,
        _text(said.get("space", " "), f"{where}, space"),
        _least(said.get("least", 1), where),
        within,
    )


def _outer(name: Any, others: Mapping[str, WordList], where: str) -> WordList:
    if not isinstance(name, str) or name not in others or not others[name].after or others[name].within:
        raise DataError(f"{where}, within: {shown(name)} is no list with `after` above this one; name such a list")
    return others[name]


def _after(said: Mapping[str, Any], where: str) -> tuple[str, ...]:
    texts = said.get("after", [])
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise DataError(f'{where}, after: {shown(texts)} is no list of texts; write ["Then the"]')
    useless = [key for key in ("within", "space", "least") if key in said and not texts]
    if useless:
        raise DataError(
            f"{where}: {useless[0]} goes with `after`, the texts behind which fillers are tried; give those"
        )
    return tuple(texts)


def _least(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError(f"{where}, least: {shown(value)}; give a whole number from 1 on")
    return value


def _fillers(kind: str, value: Any, where: str, folder: Path) -> tuple[Filler, ...]:
    if kind == "fillers":
        return _words(value, where)
    if kind == "words":
        return _own(value if isinstance(value, list) else [value], where)
    text = _text(value, f"{where}, {kind}")
    return _file(folder / text, where) if kind == "csv" else _table(text.strip().splitlines(), where)


def _own(names: list[Any], where: str) -> tuple[Filler, ...]:
    """Words of edgewise's own lists, each once."""
    for name in names:
        if name not in OWN:
            raise DataError(
                f"{where}: no words {shown(name)}{did_you_mean(str(name), OWN)}; there are {', '.join(OWN)}"
            )
    return tuple(map(word, dict.fromkeys(text for name in names for text in OWN[name])))


def _words(value: Any, where: str) -> tuple[Filler, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise DataError(f'{where}: {shown(value)} is not a list of words; write ["one", "two"], each in quotes')
    return tuple(map(word, value))


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
