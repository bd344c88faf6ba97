"""Greater-than: "The war lasted from the year 1732 to 17" -> any two-digit token above 32.

Where the tokenizer has no two-digit tokens, the answers are tens digits: `edgewise.tasks.greater_than_digits`.

1. Find the years that the tokenizer splits into century and two digits, 02 to 98 of the centuries 11 to 17,
   and drop the first and the last of each century (so that some token lies on either side). GPT-2's tokenizer
   has 604.
2. Draw a noun and a year whose pair belongs to the split (`edgewise.tasks.split`).
3. Corrupt the two digits to "01", as a token: every two-digit answer but 00 and 01 is then as right as any
   other.

The task is from Hanna, Liu and Variengien (2023), "How does GPT-2 compute greater-than?", as Conmy et al.
(2023) ran it; the nouns are our own. Default metric: probability on the years above minus probability on the
others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.draft import assemble, draw_distinct, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.greater_than_digits import TEMPLATE, by_digits, reads_digits
from edgewise.tasks.prompts import PromptPair, PromptSet
from edgewise.tasks.singles import single_tokens
from edgewise.tasks.split import is_held_out
from edgewise.tasks.words import EVENTS

CENTURIES = tuple(str(century) for century in range(11, 18))
TWO_DIGITS = tuple(f"{number:02d}" for number in range(100))
CORRUPTED_DIGITS = "01"

FORM = "two-digit tokens"
_LEAST_YEARS = 20


@dataclass(frozen=True)
class _Drawn:
    noun: str
    century: str
    digits: str

    @property
    def clean(self) -> str:
        return TEMPLATE.format(noun=self.noun, century=self.century, digits=self.digits)


def make(encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
    """Name a later year of the century (metric prob-diff; corruption: the two digits become 01).

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery" or "held-out".

    Returns:
        Prompts whose answers are all two-digit tokens above the year's, and whose wrong answers are all
        others; where digits are tokens by themselves, those of the tens.

    Raises:
        DataError: too few nouns or two-digit numbers are single tokens, or too few years split into two
        tokens.
    """
    nouns = single_tokens(encoder, EVENTS, kind="nouns", least=10, contexts=("The",))
    rng = random_source("greater-than", seed, split)
    if reads_digits(encoder):
        return by_digits(encoder, nouns, rng, n=n, held_out=split == "held-out")
    ends = tuple("The war lasted to " + century for century in CENTURIES)
    digits = single_tokens(encoder, TWO_DIGITS, kind="two-digit numbers", least=50, contexts=ends, space="")
    years = usable_years(encoder, digits.ids)
    if len(years) < _LEAST_YEARS or CORRUPTED_DIGITS not in digits.ids:
        raise DataError(
            f"task 'greater-than': this tokenizer splits {len(years)} of the years 1102 to 1798 into a "
            f"century and two digits, and the task needs {_LEAST_YEARS}, and the token "
            f"{CORRUPTED_DIGITS!r}; use another tokenizer or a data file. Years that do: "
            f"{', '.join(years) or 'none'}"
        )
    drawn = draw_distinct(partial(_draw, rng, nouns.words, years, split == "held-out"), n, "greater-than")
    pairs = [_pair(encoder, one, digits.ids, row) for row, one in enumerate(drawn, start=1)]
    info = {"form": FORM, "corruption": CORRUPTED_DIGITS, "usable_years": len(years)}
    return assemble("greater-than", encoder, pairs, metric="prob-diff", lists=(nouns, digits), info=info)


def usable_years(encoder: TextEncoder, digit_ids: Mapping[str, int]) -> tuple[str, ...]:
    """Return the years that are century and one two-digit token, without each century's first and last.

    Args:
        encoder: the tokenizer, wrapped.
        digit_ids: "00" to "99" -> the id of that token.
    """
    years: list[str] = []
    for century in CENTURIES:
        before = encoder.prompt(f"The year {century}")
        fitting = [
            century + digits
            for digits in TWO_DIGITS[2:99]
            if digits in digit_ids and encoder.prompt(f"The year {century}{digits}") == [*before, digit_ids[digits]]
        ]
        years.extend(fitting[1:-1])
    return tuple(years)


def _draw(rng: Random, nouns: tuple[str, ...], years: tuple[str, ...], held_out: bool) -> _Drawn:
    while True:
        noun, year = rng.choice(nouns), rng.choice(years)
        if is_held_out(noun, year) == held_out:
            return _Drawn(noun, year[:2], year[2:])


def _pair(encoder: TextEncoder, drawn: _Drawn, digit_ids: Mapping[str, int], row: int) -> PromptPair:
    clean = encoder.prompt(drawn.clean)
    before = TEMPLATE.partition("{digits}")[0].format(noun=drawn.noun, century=drawn.century)
    place = len(encoder.prompt(before))
    # The token is replaced, not the text: a year such as 1701 may well be one token.
    corrupted = [*clean[:place], digit_ids[CORRUPTED_DIGITS], *clean[place + 1 :]]
    above = tuple(token for digits, token in digit_ids.items() if digits > drawn.digits)
    others = tuple(token for digits, token in digit_ids.items() if digits <= drawn.digits)
    return PromptPair(tuple(clean), tuple(corrupted), above, others, row=row)
