"""Capitals: "The capital of Spain is Madrid. The capital of France is" -> " Paris".

1. Draw a template and two countries that are a pair of the split (`edgewise.tasks.split`): one whose capital is shown,
   and one whose capital is asked for.
2. Corrupt by asking for a third country instead, whose capital is the wrong answer.

Recall of such facts is the behaviour that Meng et al. (2022), "Locating and editing factual associations in GPT",
trace; countries and templates are our own. Default metric: logit of the capital minus that of the corrupted country's.
"""

from __future__ import annotations

from functools import partial
from random import Random

from edgewise.tasks.draft import Draft, assemble, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import SinglePairs, single_pairs
from edgewise.tasks.split import draw_companions

TEMPLATES = (
    "The capital of {shown} is {capital}. The capital of {country} is",
    "Since {shown} has the capital {capital}, the capital of {country} is",
    "As {capital} is the capital of {shown}, the capital of {country} is",
    "I know that the capital of {shown} is {capital} and that of {country} is",
    "We drove from {shown} to {country}. The capital of {country} is",
    "Question: Is {capital} in {shown}? Answer: Yes. The capital of {country} is",
)
COUNTRIES = tuple(
    (country, capital)
    for country, _, capital in (
        line.partition(" ")
        for line in """
France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon, England London, Scotland Edinburgh,
Ireland Dublin, Greece Athens, Turkey Ankara, Russia Moscow, Poland Warsaw, Hungary Budapest, Austria Vienna,
Belgium Brussels, Denmark Copenhagen, Sweden Stockholm, Norway Oslo, Finland Helsinki, Switzerland Bern, Japan Tokyo,
China Beijing, Thailand Bangkok, Indonesia Jakarta, Pakistan Islamabad, Afghanistan Kabul, Iran Tehran, Iraq Baghdad,
Syria Damascus, Lebanon Beirut, Egypt Cairo, Libya Tripoli, Cuba Havana, Peru Lima, Chile Santiago, Canada Ottawa,
Australia Canberra
""".replace("\n", " ")
        .strip()
        .split(", ")
    )
)
"""Country and capital."""

_LEAST_COUNTRIES = 12


def make(encoder: TextEncoder, *, n: int, seed: int, split: str) -> PromptSet:
    """Name a country's capital (metric logit-diff; corruption: another country).

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "held-out": the two countries are a held-out pair; "discovery": of neither.

    Raises:
        DataError: too few countries that are single tokens, as their capitals are.
    """
    after = ("The capital of", "The capital of it is")
    countries = single_pairs(encoder, COUNTRIES, kind="countries", least=_LEAST_COUNTRIES, contexts=after)
    rng = random_source("capitals", seed, split)
    draw = partial(_draw, rng, countries, split == "held-out")
    pairs = encode_drafts("capitals", encoder, draw_distinct(draw, n, "capitals"))
    return assemble("capitals", encoder, pairs, metric="logit-diff", lists=(countries,), info={})


def _draw(rng: Random, countries: SinglePairs, held_out: bool) -> Draft:
    shown, asked = draw_companions(rng, countries.firsts, 2, held_out=held_out)
    instead = rng.choice([country for country in countries.firsts if country not in (shown, asked)])
    fill = partial(rng.choice(TEMPLATES).format, shown=shown, capital=countries.both(shown)[1])
    right, wrong = (countries.ids[countries.both(country)[1]] for country in (asked, instead))
    return Draft(fill(country=asked), fill(country=instead), answers=(right,), wrong_answers=(wrong,))
