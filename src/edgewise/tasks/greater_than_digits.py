"""Greater-than where every digit is a token: "The war lasted from the year 1732 to 17" -> "4" to "9", not "0" to "2".

1. Take the years 1110 to 1789 of which the tens digit is 1 to 8, so that some digit lies on either side.
2. Draw a noun and a year whose pair belongs to the split (`edgewise.tasks.split`).
3. Corrupt the last two digits to 01: every tens digit is then as right as any other.

The answer is the tens digit of a later year. The year's own is right or wrong by the digit after it, which is not seen:
it is in neither set, but for years that end in 9, after which it is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles
from edgewise.tasks.split import is_held_out

FORM = "tens digit"
DIGITS = "0123456789"
TEMPLATE = "The {noun} lasted from the year {century}{digits} to {century}"
"""Of either form."""
CORRUPTED = "01"


@dataclass(frozen=True)
class _Drawn:
    noun: str
    year: str

    @property
    def clean(self) -> str:
        return _sentence(self.noun, self.year)


def _sentence(noun: str, year: str) -> str:
    return TEMPLATE.format(noun=noun, century=year[:2], digits=year[2:])


def reads_digits(encoder: TextEncoder) -> bool:
    """Whether the tokenizer makes each digit of a year a token, and no two of them one."""
    before, *longer = encoder.plain(["The year 17", *(f"The year 17{digit}2" for digit in DIGITS)])
    return all(ids[: len(before)] == before and len(ids) == len(before) + 2 for ids in longer) and (
        encoder.unknown_id not in (*before, *longer[0])
    )


def by_digits(encoder: TextEncoder, nouns: Singles, rng: Random, *, n: int, held_out: bool) -> PromptSet:
    """Prompts whose answers are the tens digits of later years.

    Args:
        encoder: the tokenizer, wrapped, of which `reads_digits` is true.
        nouns: what lasts.
        rng: the source of randomness.
        n: how many prompts.
        held_out: whether noun and year are a held-out pair.

    Raises:
        DataError: too few prompts.
    """
    drawn = draw_distinct(partial(_draw, rng, nouns.words, held_out), n, "greater-than")
    digits = _digits(encoder)
    pairs = encode_drafts("greater-than", encoder, [_draft(one, digits) for one in drawn])
    info = {"form": FORM, "corruption": CORRUPTED}
    return assemble("greater-than", encoder, pairs, metric="prob-diff", lists=(nouns,), info=info)


def _digits(encoder: TextEncoder) -> dict[str, int]:
    """The token of each digit where the answer stands."""
    before = _sentence("war", "1732")
    return dict(zip(DIGITS, encoder.answers(before, list(DIGITS)), strict=True))


def _draw(rng: Random, nouns: tuple[str, ...], held_out: bool) -> _Drawn:
    while True:
        noun, year = rng.choice(nouns), f"{rng.randint(11, 17)}{rng.randint(10, 89)}"
        if is_held_out(noun, year) == held_out:
            return _Drawn(noun, year)


def _draft(drawn: _Drawn, digits: dict[str, int]) -> Draft:
    tens, ones = drawn.year[2], drawn.year[3]
    corrupted = _sentence(drawn.noun, drawn.year[:2] + CORRUPTED)
    above = tuple(token for digit, token in digits.items() if digit > tens)
    below = tuple(token for digit, token in digits.items() if digit < tens or (digit == tens and ones == "9"))
    return Draft(drawn.clean, corrupted, above, below)
