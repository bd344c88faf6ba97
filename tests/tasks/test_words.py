from __future__ import annotations

import pytest

from edgewise.tasks import words
from tasks.library import rows

LISTS = {
    "NAMES": 90,
    "PLACES": 8,
    "OBJECTS": 8,
    "EVENTS": 100,
    "ARGUMENTS": 100,
    "THINGS": 50,
}


@pytest.mark.parametrize(("name", "least"), LISTS.items())
def test_a_list_is_long_enough_and_repeats_nothing(name, least):
    listed = getattr(words, name)
    assert len(set(listed)) == len(listed) >= least


@pytest.mark.parametrize("name", LISTS)
def test_every_word_is_one_gpt2_token_after_a_space(name, gpt2_tokenizer):
    several = [word for word in getattr(words, name) if len(gpt2_tokenizer(" " + word)["input_ids"]) != 1]
    assert several == []


def test_a_description_may_begin_with_any_of_its_words(gpt2_tokenizer):
    assert [word for word in words.THINGS if len(gpt2_tokenizer(word)["input_ids"]) != 1] == []


def test_descriptions_never_name_an_argument():
    assert not set(words.THINGS) & set(words.ARGUMENTS)


def test_induction_uses_every_list_but_the_names():
    assert set(rows("induction", "words")) == {
        word for name in LISTS if name != "NAMES" for word in getattr(words, name)
    }


@pytest.mark.parametrize("name", LISTS)
def test_the_demo_tokenizer_knows_every_word_with_and_without_a_space(name, demo_tokenizer):
    for word in getattr(words, name):
        with_space, without = demo_tokenizer(" " + word)["input_ids"], demo_tokenizer(word)["input_ids"]
        assert with_space == without
        assert len(without) == 1
        assert without[0] != demo_tokenizer.unk_token_id
