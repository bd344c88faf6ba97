"""Values of a row as prompts, answers and positions: typed ones as they are, CSV cells by their look.

In CSV a list is written as JSON, [12, 13] or ["a", "b"], or as Python prints one, ['a', 'b'] or [12 13]; a cell of
whole numbers alone is token ids where a prompt, or the answer to a prompt of ids, belongs; any other cell is text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from edgewise.errors import DataError
from edgewise.graph.place_names import place_name_problem
from edgewise.json_text import parse_json, shown
from edgewise.tasks.dialects.dialect import Prompt

_SPACED = re.compile(r"\s*\[\s*\d+(?:\s+\d+)*\s*\]\s*")
_SPANS = 'write {"subject": [4, 8]}, from the first character to behind the last'
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
    if _is_list(value) and len(value) == 1 and _is_list(value[0]):  # a batch of one
        value = value[0]
    return whole_numbers(value, field)


def text(value: Any, field: str) -> str:
    """Text, and nothing else.

    Raises:
        DataError: something else.
    """
    if not isinstance(value, str):
        raise DataError(f"{field}: {shown(value)} is not text; give text")
    return value


def answers(value: Any, field: str, typed: bool, prompts_are_ids: bool) -> tuple[str | int, ...]:
    """Answers as text or token ids; a missing value is no answers.

    Raises:
        DataError: something else than text, ids, or a list of them.
    """
    if isinstance(value, str) and not typed:
        value = _cell_of_answers(value, field, prompts_are_ids)
    if value is None:
        return ()
    items = [value] if isinstance(value, str) or not _is_list(value) else _unwrapped(list(value))
    return tuple(item if isinstance(item, str) else whole_number(item, field) for item in items)


def indices(value: Any, field: str) -> tuple[int, ...]:
    """Token ids in whatever nesting; each counts once.

    Raises:
        DataError: something else.
    """
    if isinstance(value, str):
        value = _cell_of_answers(value, field, prompts_are_ids=True)
    found = () if value is None else _flat(value if _is_list(value) else [value])
    return tuple(dict.fromkeys(whole_number(item, field) for item in found))


def words(value: Any) -> tuple[str, ...]:
    """The texts in a cell, for comparison alone: nothing where it holds anything else."""
    listed = _list_or_none(value) if isinstance(value, str) else value
    items = [value] if listed is None else listed
    return tuple(items) if _is_list(items) and all(isinstance(item, str) for item in items) else ()


def positions(value: Any, typed: bool) -> tuple[int, ...]:
    """Positions to read; a missing value is none."""
    if isinstance(value, str) and not typed:
        value = _list_or_none(value) if value.strip().startswith("[") else value.replace(",", " ").split()
    if value is None:
        return ()
    return whole_numbers(value if _is_list(value) else [value], "positions")


def spans(value: Any) -> dict[str, tuple[int, int]]:
    """Named parts of a prompt, each from its beginning to behind its end; a missing value is none.

    Raises:
        DataError: something else.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = parse_json(value)
        except ValueError as error:
            raise DataError(f"spans: {shown(value)} is no JSON ({error}); {_SPANS}") from None
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise DataError(f"spans: {shown(value)} is not an object of names; {_SPANS}")
    # A table of Parquet has a column for each name that any row has.
    return {str(name): _span(str(name), ends) for name, ends in value.items() if ends is not None}


def _span(name: str, ends: Any) -> tuple[int, int]:
    problem = place_name_problem(name)
    if problem is not None or name.isdecimal():
        raise DataError(f"spans: {problem or f'{name!r} is a number, as positions are; name it by a word'}")
    if not _is_list(ends) or len(ends := list(ends)) != 2:
        raise DataError(f"spans: '{name}' is {shown(ends)}; {_SPANS}")
    start, stop = (whole_number(end, f"spans: '{name}'") for end in ends)
    return start, stop


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
    except (TypeError, ValueError, OverflowError) as error:
        nested = "; a list of lists, with other answers at each position, is not supported"
        hint = nested if _is_list(value) else "; give whole numbers"
        raise DataError(f"{field}: {shown(value)} is not a whole number{hint}") from error
    return int(number)


def _cell_of_prompt(cell: str) -> Any:
    if _WHOLE_NUMBERS.fullmatch(cell):
        return cell.replace(",", " ").split()
    listed = _list_or_none(cell, ("[",))
    if listed and all(_is_list(item) or isinstance(item, int) for item in listed):
        return listed
    return cell


def _cell_of_answers(cell: str, field: str, prompts_are_ids: bool) -> Any:
    if not cell.strip():
        return None
    if prompts_are_ids and _WHOLE_NUMBERS.fullmatch(cell):
        return [whole_number(item, field) for item in cell.replace(",", " ").split()]
    listed = _list_or_none(cell)
    if listed is None and cell.lstrip().startswith("[") and cell.rstrip().endswith("]"):
        raise DataError(f'{field}: {shown(cell)} is not a list that can be read; write it as [12, 13] or ["a", "b"]')
    return cell if listed is None else listed


def _list_or_none(cell: str, brackets: tuple[str, ...] = ("[", "(")) -> list[Any] | None:
    """The list that a cell holds, in JSON or as Python prints lists, tuples and arrays; nothing in it is run."""
    if _SPACED.fullmatch(cell):
        return [_number(digits) for digits in cell.strip().strip("[]").split()]
    if not cell.lstrip().startswith(brackets):
        return None
    for read in (parse_json, ast.literal_eval):
        try:
            value = read(cell.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return list(value) if isinstance(value, list | tuple) else None
    return None


def _unwrapped(items: list[Any]) -> list[Any]:
    """Items that are lists of one stand for what is in them, as tokenizers give the ids of one token."""
    return [item[0] if _is_list(item) and len(item) == 1 else item for item in items]


def _number(digits: str) -> int | float:
    """What digits say; Python refuses to read an int of thousands, and no id has so many."""
    return int(digits) if len(digits) < 20 else float(digits)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    waiting = [iter(items)]
    while waiting:
        for item in waiting[-1]:
            if _is_list(item):
                waiting.append(iter(item))
                break
            yield item
        else:
            waiting.pop()


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)
