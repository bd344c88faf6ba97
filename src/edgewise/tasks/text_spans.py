"""Parts of a text as the tokens that they consist of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.json_text import shown
from edgewise.tasks.prompts import Span


@dataclass(frozen=True)
class Letters:
    """Where a token lies in the text, the spaces around it left out.

    Args:
        start: its first character; below 0 where it stands before the text.
        stop: the one behind its last.
    """

    start: int
    stop: int


def letters(text: str, start: int, stop: int, before: int) -> Letters:
    """Those of a token, from its characters in a text of which so many stand before the prompt's own."""
    part = text[start:stop]
    if not part.strip():
        return Letters(start - before, stop - before)
    left = len(part) - len(part.lstrip())
    return Letters(start - before + left, start - before + len(part.rstrip()))


def text_span(
    name: str, ends: tuple[int, int], tokens: Sequence[Letters], text: str, *, whole: bool, uncut: bool
) -> Span:
    """The tokens of a part of a text: those whose first letter lies in it.

    Args:
        name: of the part.
        ends: its first character and the one behind its last.
        tokens: of the prompt.
        text: the prompt.
        whole: refuse a part in which no token begins, rather than call it empty.
        uncut: refuse a part that begins or ends within a token.

    Raises:
        DataError: such a part, or one that lies outside the text.
    """
    start, stop = ends
    problem = bounds_problem(name, ends, len(text), "text", "characters")
    if problem is not None:
        raise DataError(problem)
    if start == stop:
        return Span(name, 0, 0)
    if uncut:
        _refuse_cut(name, ends, tokens, text)
    mine = [at for at, token in enumerate(tokens) if start <= token.start < stop]
    if not mine and whole:
        raise DataError(f"spans: no token begins in '{name}' [{start}, {stop}]; give whole words")
    return Span(name, mine[0], mine[-1] + 1) if mine else Span(name, 0, 0)


def bounds_problem(name: str, ends: tuple[int, int], length: int, what: str, unit: str) -> str | None:
    """Why a part cannot lie where it is said to, and what to write; None where it can.

    Args:
        name: of the part.
        ends: its first unit and the one behind its last.
        length: of the whole.
        what: the whole, in a word.
        unit: of which it has so many.
    """
    start, stop = ends
    if min(ends) < 0 or max(ends) > length:
        return f"spans: '{name}' [{start}, {stop}] lies outside the {what} of {length} {unit}; use 0 to {length}"
    if stop < start:
        return f"spans: '{name}' [{start}, {stop}] ends before it begins; write [{stop}, {start}]"
    return None


def _refuse_cut(name: str, ends: tuple[int, int], tokens: Sequence[Letters], text: str) -> None:
    for end in ends:
        cut = next((token for token in tokens if 0 <= token.start < end < token.stop), None)
        if cut is not None:
            raise DataError(
                f"spans: '{name}' {list(ends)} cuts the token {shown(text[cut.start : cut.stop])}"
                f" [{cut.start}, {cut.stop}]; begin and end it where tokens do"
            )
