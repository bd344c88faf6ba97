"""Which words are single tokens of a tokenizer, as they stand in a task's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

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
        total = self.usable + len(self.left_out)
        listed = ", ".join(self.left_out)
        return f"{len(self.left_out)} of {total} {self.kind} are not single tokens and were left out: {listed}"

    @property
    def usable(self) -> int:
        """How many entries of the list can be used."""
        return len(self.ids)


@dataclass(frozen=True)
class SinglePairs(Singles):
    """The entries of a list of word pairs of which both words are single tokens, and those of which one is not.

    Args:
        pairs: the usable pairs, in the list's order; `ids` has both words of each.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def usable(self) -> int:
        """How many pairs can be used."""
        return len(self.pairs)

    @property
    def firsts(self) -> tuple[str, ...]:
        """The first word of every pair."""
        return tuple(first for first, _ in self.pairs)

    def both(self, first: str) -> tuple[str, str]:
        """The pair that begins with this word."""
        return self.pairs[self.firsts.index(first)]


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
    found = Singles(kind, MappingProxyType(ids), tuple(left_out))
    return _enough(found, least)


def single_pairs(
    encoder: TextEncoder, pairs: Sequence[tuple[str, str]], *, kind: str, least: int, contexts: Sequence[str]
) -> SinglePairs:
    """Sort a list of word pairs into those of which both are one token after every given text, and the others.

    Args:
        encoder: the tokenizer, wrapped.
        pairs: such as a noun's singular and plural; no word is in two.
        kind: what the pairs are, in the plural, for messages.
        least: how many the task needs.
        contexts: see `single_tokens`.

    Raises:
        DataError: fewer than `least` are usable; the message lists those that are not.
    """
    ids, _ = _sorted_out(encoder, [word for pair in pairs for word in pair], contexts, " ")
    usable = tuple(pair for pair in pairs if ids.keys() >= set(pair))
    left_out = tuple("/".join(pair) for pair in pairs if pair not in usable)
    of_pairs = {word: ids[word] for pair in usable for word in pair}
    return _enough(SinglePairs(kind, MappingProxyType(of_pairs), left_out, usable), least)


SinglesT = TypeVar("SinglesT", bound=Singles)


def _enough(found: SinglesT, least: int) -> SinglesT:
    if found.usable < least:
        raise DataError(
            f"only {found.usable} of {found.usable + len(found.left_out)} {found.kind} are single tokens of this "
            f"tokenizer, and the task needs {least}; use another tokenizer or a data file. "
            f"Not single tokens: {', '.join(found.left_out)}"
        )
    return found


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
