"""Pronouns: "Mary went back to the museum because" -> " she", not " he".

1. Draw a template, and a name and a thing or place that are a pair of the split (`edgewise.tasks.split`).
2. Corrupt by putting a name of the other gender in its place.

The behaviour is that of Mathwin et al. (2023), "Identifying a preliminary circuit for predicting gendered pronouns in
GPT-2 small"; names and templates are our own, the names those that nearly always go with one of the two pronouns.
Default metric: logit of the name's pronoun minus that of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random

from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens
from edgewise.tasks.split import pairs_across
from edgewise.tasks.words import OBJECTS, PLACES

TEMPLATES = {
    "place": (
        "Then {name} went back to the {word} because",
        "Last week, when {name} left the {word},",
        "In front of the {word}, {name} said that",
        "As {name} walked past the {word} that day,",
    ),
    "object": (
        "Then {name} went home with the {word} because",
        "Last week {name} lost the {word} and said that",
        "When {name} took the {word} from the shelf,",
        "So {name} had to sell the {word}, although",
    ),
}
"""Sentences about a place, about an object."""

MEN = tuple(
    """
    Adam Andrew Anthony Arthur Ben Bill Bob Brian Carl Charles Daniel David Edward Eric Frank Fred Gary George Greg
    Harry Henry Howard Jack Jake James Jeff Jim Joe John Keith Kevin Louis Lucas Luke Mark Martin Matt Michael Mike Nick
    Oliver Oscar Patrick Paul Peter Philip Richard Robert Roger Ryan Scott Simon Stephen Steve Thomas Tim Tom Tony
    Vincent Walter William
    """.split()
)
WOMEN = tuple(
    """
    Alice Amanda Amy Angela Anna Anne Barbara Carol Catherine Charlotte Christina Claire Clara Diana Elizabeth Ellen
    Emily Emma Eva Hannah Helen Jane Jennifer Jessica Jill Julia Julie Karen Kate Laura Linda Lisa Lucy Margaret Maria
    Martha Mary Michelle Nancy Nicole Rachel Rebecca Ruth Sally Sarah Sophie Susan Victoria
    """.split()
)
PRONOUNS = ("he", "she")
_LEAST_NAMES, _LEAST_WORDS = 5, 2


def make(encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
    """Refer to a person by the name's pronoun (metric logit-diff; corruption: a name of the other gender).

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "held-out": name and place (or object) are a held-out pair; "discovery": they are not.

    Raises:
        DataError: too few names, places or objects that are single tokens.
    """
    pronouns = single_tokens(encoder, PRONOUNS, kind="pronouns", least=2, contexts=("Then they left because", "Then,"))
    names = tuple(
        single_tokens(
            encoder, listed, kind=kind, least=_LEAST_NAMES, contexts=("Then", "The shelf,", "Last week, when")
        )
        for kind, listed in (("names of men", MEN), ("names of women", WOMEN))
    )
    words = {
        kind: single_tokens(encoder, listed, kind=f"{kind}s", least=_LEAST_WORDS, contexts=("Then they left the",))
        for kind, listed in (("place", PLACES), ("object", OBJECTS))
    }
    sides = {
        (gender, kind): pairs_across(names[gender].words, words[kind].words, held_out=split == "held-out")
        for gender in range(2)
        for kind in TEMPLATES
    }
    rng = random_source("pronouns", seed, split)
    draw = partial(_draw, rng, tuple(pronouns.ids.values()), names, sides)
    pairs = encode_drafts("pronouns", encoder, draw_distinct(draw, n, "pronouns"))
    return assemble("pronouns", encoder, pairs, metric="logit-diff", lists=(*names, *words.values()), info={})


def _draw(
    rng: Random,
    pronouns: tuple[int, ...],
    names: tuple[Singles, ...],
    sides: Mapping[tuple[int, str], tuple[tuple[str, str], ...]],
) -> Draft:
    gender, kind = rng.randrange(2), rng.choice(tuple(TEMPLATES))
    template, (name, word) = rng.choice(TEMPLATES[kind]), rng.choice(sides[gender, kind])
    other = rng.choice(names[1 - gender].words)
    clean, corrupted = (template.format(name=one, word=word) for one in (name, other))
    return Draft(clean, corrupted, answers=(pronouns[gender],), wrong_answers=(pronouns[1 - gender],))
