"""Lists whose fillers are tried behind texts that the list names: one token there, and the same behind all.

Which words a task uses then does not depend on how its sentences are worded, nor on what stands in their other slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.singles import single_rows
from edgewise.tasks.templates.patterns import Filler
from edgewise.tasks.templates.template import WordList


@dataclass(frozen=True)
class Tried:
    """Of one list, the fillers that can be used, and the others."""

    words: WordList
    usable: tuple[Filler, ...]
    left_out: tuple[Filler, ...]


def tried(lists: Iterable[WordList], encoder: TextEncoder) -> dict[str, Tried]:
    """Name of a list -> what of it can be used, of those that have texts to be tried behind.

    Args:
        lists: of the slots.
        encoder: the tokenizer, wrapped.

    Raises:
        DataError: fewer fillers than a list needs.
    """
    found: dict[str, Tried] = {}
    for words in lists:
        for one in (words.within, words):
            if one is not None and one.after and one.name not in found:
                found[one.name] = (
                    _one(one, encoder) if one.within is None else _within(one, found[one.within.name], encoder)
                )
    return found


def _one(words: WordList, encoder: TextEncoder) -> Tried:
    kept = _kept(words, words.fillers, encoder)
    usable = tuple(words.fillers[at] for at in kept)
    return Tried(words, usable, tuple(filler for at, filler in enumerate(words.fillers) if at not in kept))


def _within(words: WordList, outer: Tried, encoder: TextEncoder) -> Tried:
    """What of another list can be used here too; all of that where it is too little."""
    try:
        return Tried(words, tuple(outer.usable[at] for at in _kept(words, outer.usable, encoder)), ())
    except DataError:
        return Tried(words, outer.usable, ())


def _kept(words: WordList, fillers: Sequence[Filler], encoder: TextEncoder) -> tuple[int, ...]:
    rows = [tuple(text for _, texts in filler.fields for text in texts) for filler in fillers]
    return single_rows(encoder, rows, kind=words.name, least=words.least, contexts=words.after, space=words.space)
