"""Indirect object identification: "Then, Mary and John went to the store. John gave a bag to" -> " Mary".

1. Draw a template, and the order of the two names: the indirect object first (ABBA) or the subject first
   (BABA).
2. Draw indirect object, subject, place and object; the two names are a pair of the split
   (`edgewise.tasks.split`).
3. Corrupt it, by default as ACDC did ("abc"): three other names take the places of the indirect object, the
   first and the second subject, so that no name occurs twice and nothing tells which one comes next.

The task is from Wang et al. (2022), "Interpretability in the wild". `template="acdc"` is the single ABBA
sentence of Conmy et al. (2023): 15 tokens with GPT-2's tokenizer, the answer is the 16th; the indirect object
at 2, the subject at 4 and 10. Words and the other templates are our own. Default metric: logit difference of
indirect object and subject. Spans: `IO`, `S1` and the token behind it, `S1+1`; the `scene` up to where the subject
comes again, `S2`; what is done, `action`; and the last token, `END`.
"""

from __future__ import annotations

from functools import partial
from random import Random
from string import Formatter

from edgewise.errors import DataError
from edgewise.tasks.draft import Draft, assemble, check_option, draw_distinct, encode_drafts, random_source
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptSet
from edgewise.tasks.singles import Singles, single_tokens
from edgewise.tasks.split import draw_companions
from edgewise.tasks.words import NAMES, OBJECTS, PLACES

TEMPLATES = {
    "acdc": "Then, {first} and {second} went to the {place}. {giver} gave a {object} to",
    "reach": "When {first} and {second} reached the {place}, {giver} handed a {object} to",
    "leave": "After {first} and {second} left the {place}, {giver} sent a {object} to",
    "stay": "While {first} and {second} were at the {place}, {giver} showed a {object} to",
    "meet": "Yesterday, {first} and {second} met near the {place}. Later, {giver} sold a {object} to",
    "walk": "One day, {first} and {second} walked to the {place}, and {giver} offered a {object} to",
    "work": "Because {first} and {second} worked at the {place}, {giver} lent a {object} to",
    "before": "Before {first} and {second} saw the {place}, {giver} had given a {object} to",
}
"""The sentences; `first` and `second` are the two people as they appear, `giver` is the subject again."""

ORDERS = ("mixed", "abba", "baba")
CORRUPTIONS = ("abc", "second-subject", "swap")

_ALL = "all"


def make(
    encoder: TextEncoder,
    *,
    n: int,
    seed: int,
    split: str,
    order: str = "mixed",
    template: str = _ALL,
    corruption: str = "abc",
) -> PromptSet:
    """Two people, one gives: name the other (metric logit-diff; corruption abc: three other names).

    The name that occurs once is the answer, the one that occurs twice is the wrong answer.

    Args:
        encoder: the tokenizer, wrapped.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery" or "held-out".
        order: "abba" (indirect object first), "baba", or "mixed"; the "acdc" template by itself is always
            ABBA.
        template: a key of `TEMPLATES`, or "all".
        corruption: "abc" (three other names), "second-subject" (another name gives), or "swap" (the two names
            change places, and with them the answer).

    Raises:
        DataError: an unknown option, or too few names, places or objects that are single tokens.
    """
    check_option("ioi", "order", order, ORDERS)
    check_option("ioi", "template", template, (_ALL, *TEMPLATES))
    check_option("ioi", "corruption", corruption, CORRUPTIONS)
    if template == "acdc":
        if order == "baba":
            raise DataError(
                "task 'ioi', order: the template 'acdc' is ABBA; leave `order` out or name another template"
            )
        order = "abba"
    templates = tuple(TEMPLATES.values()) if template == _ALL else (TEMPLATES[template],)
    orders = ("abba", "baba") if order == "mixed" else (order,)
    lists = word_lists(encoder)
    rng = random_source("ioi", seed, split)
    draw = partial(_draw, rng, lists, templates, orders, corruption, split == "held-out")
    info = {"order": order, "template": template, "corruption": corruption}
    pairs = encode_drafts("ioi", encoder, draw_distinct(draw, n, "ioi"))
    return assemble("ioi", encoder, pairs, metric="logit-diff", lists=lists, info=info)


def spans(template: str, names: tuple[str, str, str], order: str, place: str, thing: str) -> dict[str, tuple[int, int]]:
    """The parts of a sentence by name, in characters; arguments as of `sentence`, and the order of the names."""
    filled, ends = {"place": place, "object": thing}, dict[str, tuple[int, int]]()
    at = 0
    for text, slot, _, _ in Formatter().parse(template):
        at += len(text)
        if slot is None:
            continue
        word = filled.get(slot) or dict(zip(("first", "second", "giver"), names, strict=True))[slot]
        ends[slot] = (at, at + len(word))
        at += len(word)
    one, other = (ends["first"], ends["second"]) if order == "abba" else (ends["second"], ends["first"])
    text = sentence(template, names, place, thing)
    after = text.index(" ", other[1] + 1)
    giver, last = ends["giver"], text.rindex(" ") + 1
    return {
        "IO": one,
        "S1": other,
        "S1+1": (other[1], after),
        "scene": (max(after, ends["second"][1]), giver[0]),
        "S2": giver,
        "action": (giver[1], last),
    }


def sentence(template: str, names: tuple[str, str, str], place: str, thing: str) -> str:
    """Fill in a template of `TEMPLATES`: the two people in order of appearance, then who gives."""
    first, second, giver = names
    return template.format(first=first, second=second, giver=giver, place=place, object=thing)


def word_lists(encoder: TextEncoder) -> tuple[Singles, Singles, Singles]:
    """Return the names, places and objects that are single tokens where the templates put them."""
    after_name = ("Then,", "Then, he and", "Then, they went home.")
    names = single_tokens(encoder, NAMES, kind="names", least=10, contexts=after_name)
    places = single_tokens(encoder, PLACES, kind="places", least=2, contexts=("Then, they went to the",))
    objects = single_tokens(encoder, OBJECTS, kind="objects", least=2, contexts=("Then, they gave a",))
    return names, places, objects


def _draw(
    rng: Random,
    lists: tuple[Singles, Singles, Singles],
    templates: tuple[str, ...],
    orders: tuple[str, ...],
    corruption: str,
    held_out: bool,
) -> Draft:
    names, places, objects = lists
    template, order = rng.choice(templates), rng.choice(orders)
    indirect, subject = draw_companions(rng, names.words, 2, held_out=held_out)
    place, thing = rng.choice(places.words), rng.choice(objects.words)
    others = rng.sample([name for name in names.words if name not in (indirect, subject)], 3)
    clean = (indirect, subject, subject)
    corrupted = {
        "abc": (others[0], others[1], others[2]),
        "second-subject": (indirect, subject, others[0]),
        "swap": (subject, indirect, indirect),
    }[corruption]
    named = _in_order(clean, order)
    return Draft(
        sentence(template, named, place, thing),
        sentence(template, _in_order(corrupted, order), place, thing),
        answers=(names.ids[indirect],),
        wrong_answers=(names.ids[subject],),
        spans=spans(template, named, order, place, thing),
    )


def _in_order(roles: tuple[str, str, str], order: str) -> tuple[str, str, str]:
    """Put (indirect object, first subject, second subject) into the order in which they are named."""
    indirect, subject, giver = roles
    return (indirect, subject, giver) if order == "abba" else (subject, indirect, giver)
