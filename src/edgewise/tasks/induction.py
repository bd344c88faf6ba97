"""Induction: in random words that begin to repeat, name the word that followed the last one before.

    " coin river tuple siege farm clock  coin river tuple" -> " siege"

1. Draw a period between half of `length` and `length`, and so many different words; the length varies so that
   a fixed distance does not give the answer away.
2. Repeat them up to a point between the second word and the last but one; the answer is the word that comes
   next.
3. Corrupt by replacing words of the first run with others that occur nowhere else: by default all of them
   ("fresh"), or the earlier occurrence of the last word alone ("trigger"). Either way nothing says what
   followed it.

The behaviour is that of Olsson et al. (2022), "In-context learning and induction heads". Default metric:
logit of the answer minus the mean logit of the other words of the first run.
"""

from __future__ import annotations

from functools import partial
from random import Random

from edgewise.errors import DataError
from edgewise.tasks.draft import Draft, assemble, check_option, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens
from edgewise.tasks.split import draw_companions
from edgewise.tasks.words import ARGUMENTS, EVENTS, OBJECTS, PLACES, THINGS

WORDS = tuple(dict.fromkeys((*PLACES, *OBJECTS, *EVENTS, *ARGUMENTS, *THINGS)))
CORRUPTIONS = ("fresh", "trigger")
_SHORTEST, _LONGEST = 4, 16


def make(
    encoder: TextEncoder, *, n: int, seed: int, split: str, length: int = 12, corruption: str = "fresh"
) -> PromptSet:
    """Name what followed the last word before (metric logit-diff; corruption fresh: nothing repeats).

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery": no two words of a prompt are a held-out pair; "held-out": the last word and the
            answer are.
        length: the most words before they repeat; the fewest are half of it, and at least 4.
        corruption: "fresh" replaces the whole first run, "trigger" the word in it that the prompt ends with.

    Raises:
        DataError: an unknown option, or too few words are single tokens.
    """
    check_option("induction", "corruption", corruption, CORRUPTIONS)
    if not _SHORTEST <= length <= _LONGEST:
        raise DataError(f"task 'induction', length: {length} words; choose {_SHORTEST} to {_LONGEST}")
    words = single_tokens(encoder, WORDS, kind="words", least=60, contexts=(" the",))
    rng = random_source("induction", seed, split)
    draw = partial(_draw, rng, words, length, corruption, split == "held-out")
    pairs = encode_drafts("induction", encoder, draw_distinct(draw, n, "induction"))
    info = {"length": length, "corruption": corruption}
    return assemble("induction", encoder, pairs, metric="logit-diff", lists=(words,), info=info)


def _draw(rng: Random, words: Singles, length: int, corruption: str, held_out: bool) -> Draft:
    period = rng.randint(max(_SHORTEST, length // 2), length)
    last = rng.randrange(1, period - 1)  # place in the run of the word that the prompt ends with
    run = _draw_run(rng, words.words, period, last, held_out)
    fresh = rng.sample([word for word in words.words if word not in run], period)
    first = fresh if corruption == "fresh" else [*run[:last], fresh[last], *run[last + 1 :]]
    again = run[: last + 1]
    answer = run[last + 1]
    return Draft(
        "".join(" " + word for word in (*run, *again)),
        "".join(" " + word for word in (*first, *again)),
        answers=(words.ids[answer],),
        wrong_answers=tuple(words.ids[word] for word in run if word != answer),
    )


def _draw_run(rng: Random, words: tuple[str, ...], period: int, last: int, held_out: bool) -> list[str]:
    if not held_out:
        return draw_companions(rng, words, period, held_out=False)
    pair = draw_companions(rng, words, 2, held_out=True)
    others = rng.sample([word for word in words if word not in pair], period - 2)
    return [*others[:last], *pair, *others[last:]]
