"""Subject-verb agreement: "Last week the nurse wrote that the farmers over there" -> " are", not " is".

1. Draw a template, two nouns that are a pair of the split (`edgewise.tasks.split`), which of them is the subject, and
   its number; the other noun, in the opening, is singular.
2. A phrase without a noun follows the subject ("over there"), or with `distractor` one with a third noun ("near the
   pilot"), of the subject's number ("same") or of the other one ("opposite").
3. Corrupt by giving the subject its other number; every other word stays.

Agreement past a noun of the other number is the test of Linzen, Dupoux and Goldberg (2016), "Assessing the ability of
LSTMs to learn syntax-sensitive dependencies"; nouns and templates are our own. Answers are " is", " was" and " has" or
" are", " were" and " have". Default metric: mean logit of the verbs of the subject's number minus that of the others.
"""

from __future__ import annotations

from functools import partial
from random import Random

from edgewise.tasks.draft import Draft, assemble, check_option, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import SinglePairs, Singles, single_pairs, single_tokens
from edgewise.tasks.split import draw_companions

TEMPLATES = (
    "According to what the {other} says, the {subject}",
    "The {other} told all of us that the {subject}",
    "Even the {other} could clearly see that the {subject}",
    "Last week the {other} wrote that the {subject}",
    "If you ask the {other} about it, the {subject}",
    "I have heard from the {other} that the {subject}",
)
PHRASES = ("over there", "you mentioned", "I met yesterday", "we talked about")
PLACED = ("near the", "behind the", "beside the", "next to the")
"""Of a distractor."""

NOUNS = tuple(
    (noun, f"{noun}s")
    for noun in """
    boy girl king queen teacher doctor student farmer author writer singer actor artist dancer driver pilot soldier
    officer guard nurse lawyer judge senator minister governor president manager engineer scientist worker player
    captain priest prisoner hunter sailor customer client tourist visitor guest neighbor brother sister friend reporter
    poet clerk teenager musician professor leader owner
    """.split()
)
"""Singular and plural."""

VERBS = (("is", "was", "has"), ("are", "were", "have"))
"""Of a singular subject, of a plural one."""

DISTRACTORS = ("none", "same", "opposite")
_LEAST_NOUNS = 12


def make(encoder: TextEncoder, *, n: int, seed: int, split: str, distractor: str = "none") -> PromptSet:
    """Give the verb the subject's number (metric logit-diff; corruption: the subject's other number).

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "held-out": the nouns of opening and subject are a held-out pair; "discovery": of neither.
        distractor: "same" or "opposite" puts a noun of that number between subject and verb, "none" no noun.

    Raises:
        DataError: an unknown option, or too few nouns that are single tokens in both numbers.
    """
    check_option("agreement", "distractor", distractor, DISTRACTORS)
    after = ("Last week the", "The pilots near the")
    nouns = single_pairs(encoder, NOUNS, kind="nouns", least=_LEAST_NOUNS, contexts=after)
    verbs = [single_tokens(encoder, forms, kind="verbs", least=len(forms), contexts=after) for forms in VERBS]
    rng = random_source("agreement", seed, split)
    draw = partial(_draw, rng, nouns, verbs, distractor, split == "held-out")
    pairs = encode_drafts("agreement", encoder, draw_distinct(draw, n, "agreement"))
    return assemble("agreement", encoder, pairs, metric="logit-diff", lists=(nouns,), info={"distractor": distractor})


def _draw(rng: Random, nouns: SinglePairs, verbs: list[Singles], distractor: str, held_out: bool) -> Draft:
    other, subject = draw_companions(rng, nouns.firsts, 2, held_out=held_out)
    number = rng.randrange(2)
    opening = rng.choice(TEMPLATES)
    phrase = _phrase(rng, nouns, {other, subject}, number, distractor)
    clean, corrupted = (
        opening.format(other=other, subject=nouns.both(subject)[of]) + phrase for of in (number, 1 - number)
    )
    right, wrong = (tuple(verbs[of].ids.values()) for of in (number, 1 - number))
    return Draft(clean, corrupted, answers=right, wrong_answers=wrong)


def _phrase(rng: Random, nouns: SinglePairs, taken: set[str], number: int, distractor: str) -> str:
    if distractor == "none":
        return f" {rng.choice(PHRASES)}"
    noun = rng.choice([noun for noun in nouns.firsts if noun not in taken])
    return f" {rng.choice(PLACED)} {nouns.both(noun)[number if distractor == 'same' else 1 - number]}"
