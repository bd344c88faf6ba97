"""Sentences with slots: ``"The capital of {country} is"``, ``" {country.capital}"``, ``" {corrupted.country}"``.

A slot in braces stands for its filler's text, with a dot for another of the filler's fields; behind ``corrupted.`` for
that of the filler that the corrupted prompt has. Braces that are meant as such are doubled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from string import Formatter

from edgewise.errors import DataError

CORRUPTED = "corrupted"
"""What stands before a slot that is read from the corrupted prompt; no slot is called so."""


@dataclass(frozen=True)
class Filler:
    """What can stand in a slot: a word, or a row of a table.

    Args:
        fields: name -> texts; several only for answers, any of which will do. The first is what the slot stands for.
    """

    fields: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def text(self) -> str:
        """Its first field."""
        return self.fields[0][1][0]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its fields."""
        return tuple(name for name, _ in self.fields)

    def texts(self, field: str | None) -> tuple[str, ...]:
        """The texts of a field; None for the first."""
        return self.fields[0][1] if field is None else dict(self.fields)[field]


TEXT, ITEMS = "text", "items"
"""Fields of fillers that are words, and of several that stand in one slot."""


def word(text: str) -> Filler:
    """A filler that is a word, or nothing but its text."""
    return Filler(((TEXT, (text,)),))


def series(fillers: Sequence[Filler], each: str) -> Filler:
    """Several fillers as one, written one behind the other, each as `each` has it in place of its braces."""
    texts = tuple(filler.text for filler in fillers)
    return Filler(((TEXT, ("".join(each.replace("{}", text) for text in texts),)), (ITEMS, texts)))


@dataclass(frozen=True)
class Reference:
    """A slot in a sentence: its name, which of its filler's fields, and whether the corrupted prompt's filler."""

    slot: str
    field: str | None
    corrupted: bool


@dataclass(frozen=True)
class Pattern:
    """A sentence in parts: literal text, and the slot that follows it; None behind the last.

    Args:
        text: as it was written.
        parts: text and slot, in order.
    """

    text: str
    parts: tuple[tuple[str, Reference | None], ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """Its slots in order."""
        return tuple(slot for _, slot in self.parts if slot is not None)

    def fill(self, clean: Mapping[str, Filler], corrupted: Mapping[str, Filler]) -> tuple[str, ...]:
        """The sentence with these fillers; several where a field has several texts."""
        choices = [_texts(slot, clean, corrupted) for slot in self.references]
        return tuple(self._joined(chosen) for chosen in product(*choices))

    @property
    def named_slots(self) -> tuple[str, ...]:
        """Its slots in order, as they are written; the second of a name is ``noun 2``."""
        written = [f"{slot.slot}.{slot.field}" if slot.field else slot.slot for slot in self.references]
        numbers = [written[: at + 1].count(name) for at, name in enumerate(written)]
        return tuple(f"{name} {n}" if n > 1 else name for name, n in zip(written, numbers, strict=True))

    def ends(self, chosen: Mapping[str, Filler]) -> tuple[tuple[int, int], ...]:
        """The first character of each slot with these fillers, and the one behind its last."""
        at, found = 0, list[tuple[int, int]]()
        for literal, slot in self.parts:
            at += len(literal)
            if slot is not None:
                found.append((at, at + len(_texts(slot, chosen, chosen)[0])))
                at = found[-1][1]
        return tuple(found)

    def before(self, place: int, clean: Mapping[str, Filler]) -> str:
        """What stands before its slot of that number."""
        cut = Pattern(self.text, (*self.parts[:place], (self.parts[place][0], None)))
        return cut.fill(clean, clean)[0]

    def _joined(self, chosen: tuple[str, ...]) -> str:
        texts = iter(chosen)
        return "".join(literal + (next(texts) if slot is not None else "") for literal, slot in self.parts)


def read_pattern(text: str) -> Pattern:
    """Take a sentence apart.

    Raises:
        DataError: braces that are not a slot's.
    """
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise DataError(f"{text!r}: {error}; write a slot as {{slot}} or {{slot.field}}, a brace as {{{{") from error
    if any(spec or conversion for _, _, spec, conversion in parsed):
        raise DataError(f"{text!r}: a slot is its name alone; write {{slot}} or {{slot.field}}")
    parts = tuple((literal, None if name is None else _reference(name, text)) for literal, name, _, _ in parsed)
    return Pattern(text, parts)


def _reference(name: str, text: str) -> Reference:
    words = name.split(".")
    corrupted = words[0] == CORRUPTED
    words = words[1:] if corrupted else words
    if not 1 <= len(words) <= 2 or not all(word.isidentifier() for word in words):
        raise DataError(f"{text!r}: {{{name}}} is no slot; write {{slot}}, {{slot.field}} or {{{CORRUPTED}.slot}}")
    return Reference(words[0], words[1] if len(words) > 1 else None, corrupted)


def _texts(slot: Reference, clean: Mapping[str, Filler], corrupted: Mapping[str, Filler]) -> tuple[str, ...]:
    return (corrupted if slot.corrupted else clean)[slot.slot].texts(slot.field)
