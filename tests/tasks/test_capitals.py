from __future__ import annotations

import re

import pytest

from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out
from tasks.library import rows, sentences

COUNTRIES, TEMPLATES = rows("capitals", "countries"), sentences("capitals")
CAPITAL = dict(COUNTRIES)


def countries_in(text):
    """The countries in a text, in order, each once."""
    return list(dict.fromkeys(word for word in re.findall(r"[A-Z][a-z]+", text) if word in CAPITAL))


def word(tokenizer, tokens):
    (token,) = tokens
    return tokenizer.decode([token]).strip()


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_answer_is_the_last_countrys_capital_and_the_wrong_one_the_corrupted_countrys(split, gpt2_tokenizer):
    for pair in make_task("capitals", gpt2_tokenizer, n=200, split=split):
        clean, corrupted = (countries_in(gpt2_tokenizer.decode(ids)) for ids in (pair.clean, pair.corrupted))
        shown, asked = clean
        same, instead = corrupted
        assert same == shown
        assert len({shown, asked, instead}) == 3
        assert word(gpt2_tokenizer, pair.answers) == CAPITAL[asked]
        assert word(gpt2_tokenizer, pair.wrong_answers) == CAPITAL[instead]
        assert is_held_out(shown, asked) == (split == "held-out")


def test_only_the_country_asked_for_differs_and_its_capital_is_not_in_the_text(gpt2_tokenizer):
    for pair in make_task("capitals", gpt2_tokenizer, n=200):
        text = gpt2_tokenizer.decode(pair.clean)
        asked = countries_in(text)[1]
        differing = {gpt2_tokenizer.decode([a]) for a, b in zip(pair.clean, pair.corrupted, strict=True) if a != b}
        assert differing == {f" {asked}"}
        assert CAPITAL[asked] not in text
        assert 8 <= len(pair.clean) <= 20


def test_a_capital_that_is_shown_is_that_of_the_country_shown(gpt2_tokenizer):
    for pair in make_task("capitals", gpt2_tokenizer, n=200):
        text = gpt2_tokenizer.decode(pair.clean)
        assert {name for name in CAPITAL.values() if name in text} <= {CAPITAL[countries_in(text)[0]]}


def test_no_country_or_capital_is_listed_twice_and_all_templates_ask():
    assert len(CAPITAL) == len(set(CAPITAL.values())) == len(COUNTRIES)
    assert not set(CAPITAL) & set(CAPITAL.values())
    assert all(template.endswith("{country} is") for template in TEMPLATES)
