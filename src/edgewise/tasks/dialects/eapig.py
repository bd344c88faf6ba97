"""EAP-IG's CSV files: `clean`, `corrupted` and, by task, indices of tokens or the year of Greater-Than.

Source: the CSV files and loaders of hannamw/EAP-IG and hannamw/eap-ig-faithfulness. Their tasks name the right and the
wrong token differently; hypernymy has their words beside them, as Python prints lists. A `label`, or `correct_idx`
where there is no index of a wrong token, is the two-digit year YY of the clean prompt: tokens of later years are right,
the others wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from edgewise.errors import DataError
from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt
from edgewise.tasks.tables import FileTable

_INDEX_COLUMNS = (
    ("correct_idx", "incorrect_idx"),  # indirect object identification, coloured objects
    ("clean_answer_idx", "corrupted_answer_idx"),  # gender bias
    ("country_idx", "corrupted_country_idx"),  # capitals and countries
    ("answers_idx", "corrupted_answers_idx"),  # hypernymy: lists
)
_LABEL, _YEAR = "label", "correct_idx"
_YEARS = 100
_BOS_NOTE = "EAP-IG puts BOS before every prompt, and this run does not; --bos does as EAP-IG"


def _columns_of(names: Mapping[str, Any] | tuple[str, ...]) -> tuple[str, str] | None:
    return next((pair for pair in _INDEX_COLUMNS if pair[0] in names and pair[1] in names), None)


def _is_foreign(table: FileTable) -> bool:
    """Whether answers are not in our own fields; a column `answers` alone may hold the words of indices."""
    return "clean" in table.columns and "wrong_answers" not in table.columns


def _has_years(column: str, table: FileTable) -> bool:
    return _is_foreign(table) and column in table.columns and "answers" not in table.columns


def _read_indices(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    columns = _columns_of(fields)
    if columns is None:
        raise DataError("correct_idx: missing; give correct_idx and incorrect_idx in every row")
    # A hypernym may be listed twice where two words share their first token; it is one token to the metric.
    right, wrong = (cells.indices(fields[name], name) for name in columns)
    beside = (fields.get(name.removesuffix("_idx")) for name in columns)
    words = tuple(word for cell in beside for word in cells.words(cell))
    return RawPrompt(
        cells.text(fields["clean"], "clean"), cells.text(fields["corrupted"], "corrupted"), right, wrong, words=words
    )


def _read_year(column: str, fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    clean, corrupted = cells.text(fields["clean"], "clean"), cells.text(fields["corrupted"], "corrupted")
    year = cells.whole_number(fields[column], column)
    if not re.search(rf"\d\d{year:02d}\b", clean):
        raise DataError(
            f"{column}: {year} is not the end of a year in clean, as in EAP-IG's Greater-Than files; "
            "give answers and wrong_answers instead"
        )
    digits = [f"{number:02d}" for number in range(_YEARS)]
    return RawPrompt(clean, corrupted, tuple(digits[year + 1 :]), tuple(digits[: year + 1]))


EAP_IG_INDICES = Dialect(
    name="eap-ig",
    required=("clean", "corrupted"),
    recognises=lambda table: _is_foreign(table) and _columns_of(table.columns) is not None,
    read=_read_indices,
    bos_note=_BOS_NOTE,
)

EAP_IG_YEARS, EAP_IG_YEARS_AS_INDICES = (
    Dialect(
        name="eap-ig greater-than",
        required=("clean", "corrupted", column),
        recognises=partial(_has_years, column),
        read=partial(_read_year, column),
        metric="prob-diff",
        bos_note=_BOS_NOTE,
    )
    for column in (_LABEL, _YEAR)
)
