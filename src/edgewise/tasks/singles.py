"""Which words are single tokens of a tokenizer, as they stand in a task's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder


@dataclass(frozen=True)
class Singles:
    """The words of one list that are single tokens, with their ids, and those that are not.

    Args:
        kind: what the words are, in the plural, for messages.
        ids: word -> token id, in the list's order; different words have different ids.
        left_out: the words that are not one known token.
    """

    kind: str
    ids: Mapping[str, int]
    left_out: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The usable words."""
        return tuple(self.ids)

    @property
    def warning(self) -> str | None:
        """One line that lists what was left out; None if nothing was."""
        if not self.left_out:
            return None
        total = len(self.ids) + len(self.left_out)
        listed = ", ".join(self.left_out)
        return f"{len(self.left_out)} of {total} {self.kind} are not single tokens and were left out: {listed}"


def some_of(words: Sequence[str]) -> str:
    """The first five, for a message."""
    return ", ".join(words[:5]) + (", ..." if len(words) > 5 else "")


def single_tokens(
    encoder: TextEncoder,
    words: Iterable[str],
    *,
    kind: str,
    least: int,
    contexts: Sequence[str],
    space: str = " ",
) -> Singles:
    """Sort a list of words into those that are one token after every given text, and the others.

    Args:
        encoder: the tokenizer, wrapped.
        words: the list.
        kind: what the words are, in the plural, for messages.
        least: how many the task needs.
        contexts: texts that a word follows in the task's prompts; its id must be the same after each.
        space: what stands between text and word.

    Raises:
        DataError: fewer than `least` are usable; the message lists those that are not.
    """
    ids, left_out = _sorted_out(encoder, words, contexts, space)
    _require(kind, len(ids), left_out, least)
    return Singles(kind, MappingProxyType(ids), tuple(left_out))


def single_rows(
    encoder: TextEncoder,
    rows: Sequence[tuple[str, ...]],
    *,
    kind: str,
    least: int,
    contexts: Sequence[str],
    space: str = " ",
) -> tuple[int, ...]:
    """Which rows of words have only such as are one token after every given text.

    Args:
        encoder: the tokenizer, wrapped.
        rows: such as a noun's singular and plural; no word is in two.
        kind: what the rows are, in the plural, for messages.
        least: how many are needed.
        contexts: see `single_tokens`.
        space: what stands between text and word.

    Raises:
        DataError: fewer than `least` are usable; the message lists those that are not.
    """
    ids, _ = _sorted_out(encoder, [word for row in rows for word in row], contexts, space)
    usable = tuple(at for at, row in enumerate(rows) if ids.keys() >= set(row))
    left_out = ["/".join(row) for at, row in enumerate(rows) if at not in usable]
    _require(kind, len(usable), left_out, least)
    return usable


def _require(kind: str, usable: int, left_out: Sequence[str], least: int) -> None:
    if usable < least:
        raise DataError(
            f"only {usable} of {usable + len(left_out)} {kind} are single tokens of this "
            f"tokenizer, and the task needs {least}; use another tokenizer or a data file. "
            f"Not single tokens: {', '.join(left_out)}"
        )


def _sorted_out(
    encoder: TextEncoder, words: Iterable[str], contexts: Sequence[str], space: str
) -> tuple[dict[str, int], list[str]]:
    """The ids of the words that are one token after every context, and the other words."""
    ids: dict[str, int] = {}
    left_out: list[str] = []
    for word in words:
        found = {_token_after(encoder, context, space + word) for context in contexts}
        token = found.pop()
        if token is None or found or token in ids.values():
            left_out.append(word)
        else:
            ids[word] = token
    return ids, left_out


def _token_after(encoder: TextEncoder, context: str, text: str) -> int | None:
    try:
        return encoder.answer(context, text)
    except DataError:
        return None
