"""What is wrong with rows of a file, or worth a remark, told of all of them in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgewise.errors import DataError

MOST = 10
"""Rows that a message names."""


@dataclass(frozen=True)
class Problem:
    """Why a row cannot be used.

    Args:
        row: its number.
        what: from the field to the fix, which follows the last semicolon.
    """

    row: int
    what: str


@dataclass(frozen=True)
class Remark:
    """What looks wrong in a row that can be used.

    Args:
        kind: remarks of one kind become one line.
        text: what is said of this row.
    """

    kind: str
    text: str


def refusal(origin: str, problems: Sequence[Problem], total: int) -> DataError:
    """One line on the rows that cannot be used: the first ten, what is wrong with each, and how to mend it.

    Args:
        origin: the file or task, to begin with.
        problems: at least one.
        total: how many rows there are.
    """
    prefix = f"{origin}: " if origin else ""
    if len(problems) == 1:
        return DataError(f"{prefix}row {problems[0].row}, {problems[0].what}")
    return DataError(f"{prefix}{len(problems)} of {total} rows cannot be used: {_told(problems)}")


def dropped(origin: str, problems: Sequence[Problem], total: int) -> str:
    """One line on the rows that were left out."""
    prefix = f"{origin}: " if origin else ""
    if len(problems) == 1:
        return f"{prefix}row {problems[0].row} dropped: {problems[0].what}"
    return f"{prefix}{len(problems)} of {total} rows dropped: {_told(problems)}"


def none_left(origin: str, problems: Sequence[Problem]) -> DataError:
    """The refusal of a file all of whose rows were left out, or that has none."""
    prefix = f"{origin}: " if origin else ""
    if not problems:
        return DataError(f"{prefix}no prompts; give at least one row")
    first = f"row {problems[0].row}, {problems[0].what}"
    return DataError(f"{prefix}none of the {len(problems)} rows can be used; the first: {first}")


def remark_lines(origin: str, remarks: Iterable[tuple[int, Remark]]) -> tuple[str, ...]:
    """One line for each kind of remark, with the rows that it is about.

    Args:
        origin: the file, to begin with.
        remarks: row numbers and what is said of each row.
    """
    kinds: dict[str, dict[int, str]] = {}
    for row, remark in remarks:
        kinds.setdefault(remark.kind, {}).setdefault(row, remark.text)
    return tuple(_remark_line(origin, said) for said in kinds.values())


def rows_named(rows: Sequence[int]) -> str:
    """The first ten row numbers and how many there are more: ``"row 3"``, ``"rows 3, 4 and 120 more"``."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > MOST:
        return f"rows {', '.join(map(str, rows[:MOST]))} and {len(rows) - MOST} more"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}"


def _remark_line(origin: str, said: dict[int, str]) -> str:
    texts = list(dict.fromkeys(said.values()))
    return f"{origin}: {rows_named(list(said))}{'' if len(texts) == 1 else ', the first'}: {texts[0]}"


def _told(problems: Sequence[Problem]) -> str:
    """The first ten rows with what is wrong, equal words once, and then each way to mend them once."""
    wrong: dict[str, list[int]] = {}
    fixes: dict[str, None] = {}
    for problem in problems[:MOST]:
        what, _, fix = problem.what.rpartition("; ")
        wrong.setdefault(what or fix, []).append(problem.row)
        if what:
            fixes[fix] = None
    said = [f"{rows_named(rows)}, {what}" for what, rows in wrong.items()]
    more = [f"and {len(problems) - MOST} more"] if len(problems) > MOST else []
    return f"{'; '.join([*said, *more])}{' -- ' if fixes else ''}{'; '.join(fixes)}"
