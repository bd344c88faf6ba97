from __future__ import annotations

import pytest

from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out
from edgewise.tasks.words import OBJECTS, PLACES
from tasks.library import rows, template

MEN, WOMEN = rows("pronouns", "men"), rows("pronouns", "women")
TEMPLATES = {
    variant.when["kind"]: [one.text for one in variant.clean] for variant in template("pronouns").forms[0].variants
}


def the_one(listed, text):
    (found,) = [word for word in text.replace(",", "").split() if word in listed]
    return found


def word(tokenizer, tokens):
    (token,) = tokens
    return tokenizer.decode([token]).strip()


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_answer_is_the_pronoun_of_the_name_and_corruption_the_other_gender(split, gpt2_tokenizer):
    for pair in make_task("pronouns", gpt2_tokenizer, n=200, split=split):
        clean, corrupted = (gpt2_tokenizer.decode(ids) for ids in (pair.clean, pair.corrupted))
        name, other = (the_one((*MEN, *WOMEN), text) for text in (clean, corrupted))
        assert clean.replace(name, other) == corrupted
        assert (name in MEN) != (other in MEN)
        pronouns = ("he", "she") if name in MEN else ("she", "he")
        assert (word(gpt2_tokenizer, pair.answers), word(gpt2_tokenizer, pair.wrong_answers)) == pronouns
        assert is_held_out(name, the_one((*PLACES, *OBJECTS), clean)) == (split == "held-out")
        assert 8 <= len(pair.clean) <= 20


def test_places_and_objects_stand_in_sentences_about_them(gpt2_tokenizer):
    texts = [gpt2_tokenizer.decode(pair.clean) for pair in make_task("pronouns", gpt2_tokenizer, n=400)]
    made = set()
    for text in texts:
        name = the_one((*MEN, *WOMEN), text)
        thing = the_one((*PLACES, *OBJECTS), text)
        made.add(text.replace(name, "{name}").replace(f"the {thing}", "the {thing}"))
        assert made <= {*TEMPLATES["place"], *TEMPLATES["object"]}
        assert any(
            text.replace(name, "{name}").replace(f"the {thing}", "the {thing}") in TEMPLATES[kind]
            for kind, listed in (("place", PLACES), ("object", OBJECTS))
            if thing in listed
        )
    assert made == {*TEMPLATES["place"], *TEMPLATES["object"]}


def test_a_name_is_of_one_list_once():
    assert len({*MEN, *WOMEN}) == len(MEN) + len(WOMEN)
