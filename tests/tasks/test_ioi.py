from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import PreTrainedTokenizerFast

from edgewise.errors import DataError
from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out
from edgewise.tasks.words import NAMES, OBJECTS, PLACES
from tasks.library import template

(VARIANT,) = template("ioi").forms[0].variants
TEMPLATES = {name: pattern.text for name, pattern in zip(VARIANT.names, VARIANT.clean, strict=True)}


def people(tokenizer, ids):
    """The first names in the decoded text, in order: capitalised words but those that begin a sentence."""
    text = tokenizer.decode(ids)
    fixed = {"Then", "When", "After", "While", "Yesterday", "Later", "One", "Because", "Before"}
    return [word for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word not in fixed]


def words_only(known):
    """A tokenizer that knows these words, from id 1 on, and those of the sentences; all else is unknown."""
    sentences = [word for text in TEMPLATES.values() for word in re.sub(r"\{\w+\}[.,]?", "", text).split()]
    words = dict.fromkeys(["?", *known, *sentences, ".", ","])
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="?"))
    backend.pre_tokenizer = Split(" ", behavior="removed")
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?")


def word(tokenizer, token):
    return tokenizer.decode([token]).strip()


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_answer_is_the_name_that_occurs_once(split, any_tokenizer):
    for pair in make_task("ioi", any_tokenizer, n=200, split=split):
        times = Counter(people(any_tokenizer, pair.clean))
        once, twice = sorted(times, key=times.get)
        assert sorted(times.values()) == [1, 2]
        assert [word(any_tokenizer, t) for t in pair.answers] == [once]
        assert [word(any_tokenizer, t) for t in pair.wrong_answers] == [twice]
        assert is_held_out(once, twice) == (split == "held-out")


def test_abc_puts_three_other_names_where_the_names_were(any_tokenizer):
    for pair in make_task("ioi", any_tokenizer, n=200):
        clean, corrupted = people(any_tokenizer, pair.clean), people(any_tokenizer, pair.corrupted)
        assert len(set(corrupted)) == 3
        assert not set(corrupted) & set(clean)
        assert sum(a != b for a, b in zip(pair.clean, pair.corrupted, strict=True)) == 3


def test_second_subject_changes_only_who_gives(any_tokenizer):
    for pair in make_task("ioi", any_tokenizer, n=100, options={"corruption": "second-subject"}):
        clean, corrupted = people(any_tokenizer, pair.clean), people(any_tokenizer, pair.corrupted)
        assert corrupted[:2] == clean[:2]
        assert corrupted[2] not in clean
        assert sum(a != b for a, b in zip(pair.clean, pair.corrupted, strict=True)) == 1


def test_swap_exchanges_the_two_names_and_so_the_answer(any_tokenizer):
    for pair in make_task("ioi", any_tokenizer, n=100, options={"corruption": "swap"}):
        clean, corrupted = people(any_tokenizer, pair.clean), people(any_tokenizer, pair.corrupted)
        other = {clean[0]: clean[1], clean[1]: clean[0]}
        assert corrupted == [other[name] for name in clean]
        assert Counter(corrupted)[word(any_tokenizer, pair.wrong_answers[0])] == 1


@pytest.mark.parametrize(("order", "places"), [("abba", {1}), ("baba", {0}), ("mixed", {0, 1})])
def test_the_order_says_which_of_the_first_two_gives(order, places, demo_tokenizer):
    found = set()
    for pair in make_task("ioi", demo_tokenizer, n=60, options={"order": order}):
        first, second, giver = people(demo_tokenizer, pair.clean)
        found.add((first, second).index(giver))
    assert found == places


def test_all_templates_are_used_and_each_can_be_named(demo_tokenizer):
    texts = [demo_tokenizer.decode(p.clean) for p in make_task("ioi", demo_tokenizer, n=200)]
    verbs = {"gave", "handed", "sent", "showed", "sold", "offered", "lent", "given"}
    assert {verb for verb in verbs for text in texts if f" {verb} a " in text} == verbs
    assert len(verbs) == len(TEMPLATES)
    for name, sentence in TEMPLATES.items():
        (pair,) = make_task("ioi", demo_tokenizer, n=1, options={"template": name})
        opening = sentence.split(" ")[0].rstrip(",")
        assert demo_tokenizer.decode(pair.clean).split()[0] == opening


def test_acdc_template_has_acdcs_structure(gpt2_tokenizer):
    prompts = make_task("ioi", gpt2_tokenizer, n=200, options={"template": "acdc"})
    for pair in prompts:
        assert len(pair.clean) == 15
        assert pair.clean[2] == pair.answers[0]
        assert pair.clean[4] == pair.clean[10] == pair.wrong_answers[0]
        differing = [i for i, (a, b) in enumerate(zip(pair.clean, pair.corrupted, strict=True)) if a != b]
        assert differing == [2, 4, 10]
        assert gpt2_tokenizer.decode(pair.clean).startswith("Then,")


def test_acdcs_own_prompts_rebuilt_from_their_names_have_acdcs_ids(shared, gpt2_tokenizer):
    acdc = json.loads((shared / "acdc_ioi.json").read_text())
    rows = list(zip(acdc["io"], acdc["s"], acdc["place"], acdc["object"], acdc["clean_ids"], strict=True))
    assert len(rows) == 200
    for io, s, place, thing, ids in rows:
        text = TEMPLATES["acdc"].format(first=io, second=s, giver=s, place=place, object=thing)
        assert gpt2_tokenizer(f"{text} {io}")["input_ids"] == ids


def test_what_is_not_a_single_token_is_left_out_and_listed():
    prompts = make_task("ioi", words_only([*NAMES[:20], *PLACES[3:], *OBJECTS]), n=30)
    names, places = prompts.warnings
    head = f"task 'ioi': list 'names': {len(NAMES) - 20} of {len(NAMES)} fillers left out (not one token: "
    assert names.startswith(head + ", ".join(NAMES[20:23]))
    assert f"list 'places': 3 of {len(PLACES)} fillers left out (not one token: {', '.join(PLACES[:3])})" in places
    assert {pair.answers[0] for pair in prompts} <= set(range(1, 21))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "abab"}, "order: 'abab' is not one of mixed, abba, baba; did you mean"),
        ({"template": "acdcs"}, "template: 'acdcs' is not one of all, acdc, .*; did you mean 'acdc'"),
        (
            {"corruption": "abcd"},
            "corruption: 'abcd' is not one of abc, second-subject, swap; did you mean 'abc'",
        ),
        ({"template": "acdc", "order": "baba"}, "order: 'baba' does not go with template acdc, which is abba"),
    ],
)
def test_an_unknown_option_value_is_refused(options, message, demo_tokenizer):
    with pytest.raises(DataError, match=message):
        make_task("ioi", demo_tokenizer, n=2, options=options)


def test_more_prompts_than_there_are_is_refused():
    tokenizer = words_only([*NAMES[:10], *PLACES[:2], *OBJECTS[:2]])
    with pytest.raises(DataError, match=r"5000 different prompts asked for, .* gave \d+; ask for fewer"):
        make_task("ioi", tokenizer, n=5000, split="held-out", options={"template": "acdc"})
