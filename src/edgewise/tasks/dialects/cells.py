"""Values of a row as prompts, answers and positions: typed ones as they are, CSV cells by their look.

In CSV a list is written as JSON, [12, 13] or ["a", "b"]; a cell of whole numbers alone is token ids where a
prompt, or the answer to a prompt of ids, belongs; any other cell is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from edgewise.errors import DataError
from edgewise.tasks.dialects.dialect import Prompt

_WHOLE_NUMBERS = re.compile(r"\s*\d+(?:[\s,]+\d+)*\s*")


def prompt(value: Any, field: str, typed: bool) -> Prompt:
    """Text or token ids of a prompt.

    Raises:
        DataError: neither of them.
    """
    if isinstance(value, str) and not typed:
        value = _cell_of_prompt(value)
    if isinstance(value, str):
        return value
    return whole_numbers(value, field)


def answers(value: Any, field: str, typed: bool, prompts_are_ids: bool) -> tuple[str | int, ...]:
    """Answers as text or token ids; a missing value is no answers.

    Raises:
        DataError: something else than text, ids, or a list of them.
    """
    if isinstance(value, str) and not typed:
        value = _cell_of_answers(value, field, prompts_are_ids)
    if value is None:
        return ()
    items = [value] if isinstance(value, str) or not _is_list(value) else list(value)
    return tuple(item if isinstance(item, str) else whole_number(item, field) for item in items)


def positions(value: Any, typed: bool) -> tuple[int, ...]:
    """Positions to read; a missing value is none."""
    if isinstance(value, str) and not typed:
        value = _list_or_none(value) if value.strip().startswith("[") else value.replace(",", " ").split()
    if value is None:
        return ()
    return whole_numbers(value if _is_list(value) else [value], "positions")


def whole_numbers(values: Any, field: str) -> tuple[int, ...]:
    """Token ids or positions from a list.

    Raises:
        DataError: not a list, or one of its items is not a whole number.
    """
    if not _is_list(values):
        raise DataError(f"{field}: {values!r} is neither text nor a list of token ids; give one of them")
    return tuple(whole_number(value, field) for value in values)


def whole_number(value: Any, field: str) -> int:
    """One id or position, from a number or a cell.

    Raises:
        DataError: not a whole number.
    """
    try:
        number = float(value)
        if isinstance(value, bool) or not number.is_integer():
            raise ValueError
    except (TypeError, ValueError) as error:
        nested = "; a list of lists, with other answers at each position, is not supported"
        hint = nested if _is_list(value) else "; give whole numbers"
        raise DataError(f"{field}: {value!r} is not a whole number{hint}") from error
    return int(number)


def _cell_of_prompt(cell: str) -> Any:
    if _WHOLE_NUMBERS.fullmatch(cell):
        return cell.replace(",", " ").split()
    listed = _list_or_none(cell)
    return cell if listed is None or not all(isinstance(item, int) for item in listed) else listed


def _cell_of_answers(cell: str, field: str, prompts_are_ids: bool) -> Any:
    if not cell.strip():
        return None
    if prompts_are_ids and _WHOLE_NUMBERS.fullmatch(cell):
        return [int(item) for item in cell.replace(",", " ").split()]
    listed = _list_or_none(cell)
    if listed is None and cell.lstrip().startswith("[") and cell.rstrip().endswith("]"):
        raise DataError(f'{field}: {cell!r} is not valid JSON; write a list as [12, 13] or ["a", "b"]')
    return cell if listed is None else listed


def _list_or_none(cell: str) -> list[Any] | None:
    if not cell.lstrip().startswith("["):
        return None
    try:
        value = json.loads(cell)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, list) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)
