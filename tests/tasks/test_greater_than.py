from __future__ import annotations

import json
import re

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Digits, Sequence, WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from edgewise.tasks import TextEncoder, make_task
from edgewise.tasks.greater_than import TEMPLATE, TWO_DIGITS, usable_years
from edgewise.tasks.split import is_held_out
from edgewise.tasks.words import EVENTS

SENTENCE = re.compile(r"The (\w+) lasted from the year (\d\d) ?(\d\d) to (\d\d)")


def parse(tokenizer, ids):
    noun, century, digits, end = SENTENCE.fullmatch(tokenizer.decode(ids)).groups()
    assert century == end
    return noun, century, digits


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_answers_are_all_later_years_and_the_wrong_ones_all_others(split, any_tokenizer):
    for pair in make_task("greater-than", any_tokenizer, n=100, split=split):
        noun, century, digits = parse(any_tokenizer, pair.clean)
        right = {int(any_tokenizer.decode([t])) for t in pair.answers}
        wrong = {int(any_tokenizer.decode([t])) for t in pair.wrong_answers}
        assert noun in EVENTS
        assert right == set(range(int(digits) + 1, 100))
        assert wrong == set(range(int(digits) + 1))
        assert is_held_out(noun, century + digits) == (split == "held-out")


def test_only_the_two_digits_are_corrupted_and_become_01(any_tokenizer):
    for pair in make_task("greater-than", any_tokenizer, n=100):
        noun, century, digits = parse(any_tokenizer, pair.clean)
        assert parse(any_tokenizer, pair.corrupted) == (noun, century, "01")
        assert digits != "01"
        assert len(pair.clean) == 10
        differing = [i for i, (a, b) in enumerate(zip(pair.clean, pair.corrupted, strict=True)) if a != b]
        assert differing == [7]


def test_gpt2_has_the_604_years_of_the_published_task(shared, gpt2_tokenizer):
    published = json.loads((shared / "greater_than.json").read_text())
    digit_ids = {digits: gpt2_tokenizer(digits)["input_ids"][0] for digits in TWO_DIGITS}
    years = usable_years(TextEncoder(gpt2_tokenizer), digit_ids)
    assert len(years) == 604
    assert [int(year) for year in years] == published["years"]


def test_gpt2_gets_the_published_tokens(shared, gpt2_tokenizer):
    published = json.loads((shared / "greater_than.json").read_text())
    text = TEMPLATE.format(noun=gpt2_tokenizer.decode(published["example_ids"][1:2]).strip(), century="16", digits="42")
    assert gpt2_tokenizer(text)["input_ids"] == published["example_ids"]
    assert {pair.corrupted[7] for pair in make_task("greater-than", gpt2_tokenizer, n=50)} == {486}


def test_the_demo_tokenizer_uses_every_year_but_the_edges_of_a_century(demo_tokenizer):
    prompts = make_task("greater-than", demo_tokenizer, n=2)
    assert prompts.info["usable_years"] == 7 * 95  # 03 to 97 of seven centuries


def test_where_digits_are_tokens_the_answers_are_tens_digits_of_later_years():
    tokenizer = digit_tokenizer()
    prompts = make_task("greater-than", tokenizer, n=200)
    assert (prompts.metric, prompts.info["form"]) == ("prob-diff", "tens digit")
    seen = set()
    for pair in prompts:
        words = tokenizer.decode(pair.clean).split()
        year = int("".join(words[6:10]))
        assert words[10:] == ["to", *str(year)[:2]]
        assert tokenizer.decode(pair.corrupted).split()[6:10] == [*str(year)[:2], "0", "1"]
        later = {str(other)[2] for other in range(year + 1, year // 100 * 100 + 100)}
        earlier = {str(other)[2] for other in range(year // 100 * 100, year + 1)}
        right, wrong = (set(tokenizer.decode(list(ids)).split()) for ids in (pair.answers, pair.wrong_answers))
        assert right == later - earlier
        assert wrong == earlier - later
        seen.add(year % 10 == 9)
    assert seen == {True, False}


def digit_tokenizer():
    """Words and single digits."""
    words = ("[UNK]", *TEMPLATE.replace("{", " {").split(), *EVENTS, *"0123456789")
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(dict.fromkeys(words))}, unk_token="[UNK]"))
    backend.pre_tokenizer = Sequence([WhitespaceSplit(), Digits(individual_digits=True)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
