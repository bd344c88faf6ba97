"""What is drawn in an order, numbers, slots that stand for others and options, against rows written by hand."""

from __future__ import annotations

import pytest

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.split import is_held_out
from edgewise.tasks.templates.counts import read_count
from edgewise.tasks.templates.draw import draw
from edgewise.tasks.templates.fit import fit
from edgewise.tasks.templates.read import read_template

WHO = """
clean = "{name} lost the key because"
answers = " {gender.right}"
wrong_answers = " {gender.wrong}"
draw = ["gender", "sentence"]
[slots]
gender = { list = "genders", corrupt = "take", with = "other" }
man = ["Tom", "Paul"]
woman = ["Mary", "Anna"]
name = { by = "gender", man = "{man}", woman = "{woman}" }
other = { by = "gender", man = "woman", woman = "man" }
[lists.genders]
table = '''
gender, right, wrong
man, he, she
woman, she, he
'''
"""
RUN = """
clean = "{start}{again}"
corrupted = "{start}{other}"
answers = " {start.items}"
wrong_answers = " {other.items}"
draw = ["size", "start", "again", "other"]
[options]
most = { from = 1, to = 3, default = 2 }
[slots]
size = { from = "most", to = "most + 1" }
start = { list = "words", count = "size", each = " {}" }
again = { list = "words", count = "size - 1", each = " {}" }
other = { list = "words", count = "size - 1", each = " {}" }
[lists]
words = { words = ["objects", "things"], after = " the" }
"""
PAIRS = """
clean = ["{one} met {two} and", "{one} saw {two} and"]
corrupted = ["{one} met {three} and", "{one} saw {three} and"]
answers = " {two}"
wrong_answers = " {three}"
draw = ["sentence", { companions = ["one", "two"] }, "three"]
[slots]
one = "names"
two = "names"
three = "names"
[lists]
names = { words = "names", after = "Then", least = 10 }
"""
VERB = '[options]\nverb = { any = "all", of = "sentence" }\n[slots]'


@pytest.fixture
def rows(tmp_path, gpt2_tokenizer):
    encoder = TextEncoder(gpt2_tokenizer)

    def made(text, n=1, split="discovery", **options):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        template = read_template(path)
        return draw(template, fit(template, encoder), encoder, n=n, seed=0, split=split, options=options)

    return made


def test_a_slot_stands_for_what_another_says_on_either_side(rows):
    pronoun = {"Tom": " he", "Paul": " he", "Mary": " she", "Anna": " she"}
    found = rows(WHO, 4)
    assert {row.clean.split()[0] for row in found} == set(pronoun)
    for row in found:
        (name, *rest), (other, *same) = row.clean.split(), row.corrupted.split()
        assert rest == same
        assert (row.answers, row.wrong_answers) == ((pronoun[name],), (pronoun[other],))
        assert pronoun[name] != pronoun[other]


@pytest.mark.parametrize(("most", "sizes"), [(1, {1, 2}), (2, {2, 3}), (3, {3, 4})])
def test_several_fillers_stand_one_behind_the_other_all_different(most, sizes, rows):
    found = rows(RUN, 60, most=most) if most > 1 else rows(RUN, 20, most=1)
    seen = set()
    for row in found:
        words = row.clean.split()
        size = (len(words) + 1) // 2
        seen.add(size)
        start, other = words[:size], row.corrupted.split()[size:]
        assert row.clean == "".join(f" {word}" for word in words)
        assert row.corrupted.split()[:size] == start
        assert len({*words, *other}) == len(words) + len(other) == 3 * size - 2
        assert row.answers == tuple(f" {word}" for word in start)
        assert row.wrong_answers == tuple(f" {word}" for word in other)
    assert seen == sizes - {1}, "of one word nothing is corrupted: such are drawn again"


@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_companions_are_pairs_of_the_side_of_the_prompts(split, rows):
    for row in rows(PAIRS, 60, split):
        one, _, two, _ = row.clean.split()
        assert is_held_out(one, two) == (split == "held-out")


def test_a_named_sentence_is_taken_alone(rows):
    named = PAIRS.replace('clean = ["{one} met {two} and", "{one} saw {two} and"]\n', "").replace(
        "[slots]", '[clean]\nmet = "{one} met {two} and"\nsaw = "{one} saw {two} and"\n' + VERB
    )
    assert {row.clean.split()[1] for row in rows(named, 30)} == {"met", "saw"}
    assert {row.clean.split()[1] for row in rows(named, 30, verb="saw")} == {"saw"}


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("max(4, length // 2)", ("length",), {6: 4, 9: 4, 13: 6}),
        ("2 * (length - 1) + min(length, 3, -1)", ("length",), {1: -1, 4: 5}),
        ("7", (), {0: 7}),
    ],
)
def test_numbers_are_worked_out(text, names, values):
    count = read_count(text, "here")
    assert count.names == names
    assert {given: count.value({"length": given}) for given in values} == values


@pytest.mark.parametrize("text", ["2 ** 3", "a / 2", "abs(-1)", "a.b", "", "1 if x else 2", "True", "max(3)", "1.5"])
def test_nothing_else_is_a_number(text):
    with pytest.raises(DataError, match=r"here: .* is no whole number"):
        read_count(text, "here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WHO.replace(', woman = "{woman}" }', " }"), "slot 'name', by: 'gender' needs a text for each of man, woman"),
        (
            WHO.replace('by = "gender", man = "{man}"', 'by = "man", man = "{man}"'),
            "'man' needs a text for each of Tom",
        ),
        (WHO.replace('with = "other"', 'with = "others"'), "slot 'gender' takes 'others', which is no other slot"),
        (WHO.replace('draw = ["gender", "sentence"]', 'draw = ["gendre", "sentence"]'), "did you mean 'gender'?"),
        (WHO.replace('draw = ["gender", "sentence"]', "draw = 3"), "draw: 3; give a list of steps"),
        (WHO.replace('draw = ["gender", "sentence"]', "draw = [[]]"), "draw: [] is no step"),
        (WHO.replace('["gender", "sentence"]', '[["gender", "man"], "sentence"]'), "do not draw from one list"),
        (RUN.replace('to = "most + 1"', 'to = "more"'), "'more' needs 'more', which is no number"),
        (RUN.replace(', to = "most + 1"', ""), "slot 'size': a number has `from` and `to`; give both"),
        (RUN.replace('to = "most + 1"', 'to = "most - 1"'), "slot 'size' is from 2 to 1; give bounds"),
        (RUN.replace('each = " {}"', 'each = " "'), "slot 'start', each: ' '; write one filler"),
        (RUN.replace("default = 2", "default = 4"), "option 'most': 4 is not from 1 to 3"),
        (RUN.replace("most = { from = 1, to = 3, default = 2 }", "most = 3"), "option 'most': 3; give a table"),
        (
            PAIRS.replace("[slots]", VERB.replace(', of = "sentence"', "")),
            "option 'verb' has `any`; give it the name of a slot",
        ),
        (PAIRS.replace("[slots]", VERB), "option 'verb' names a sentence; give `clean` as a table"),
        (PAIRS.replace('after = "Then", ', ""), "list 'names': least goes with `after`"),
        (
            PAIRS.replace("least = 10", "least = 1000"),
            "names are single tokens of this tokenizer, and the task needs 1000",
        ),
        (
            PAIRS.replace('"sentence", ', ""),
            "nothing says when one is drawn",
        ),
        (PAIRS.replace("[slots]", '[spans]\nx = "four"\n[slots]'), "span 'x': no slot 'four'"),
    ],
)
def test_what_does_not_fit_together_is_one_line(text, said, rows):
    with pytest.raises(DataError) as error:
        rows(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_that_an_option_does_not_have_is_refused(rows):
    with pytest.raises(DataError, match="most: 9; choose 1 to 3"):
        rows(RUN, most=9)
    with pytest.raises(DataError, match="has no option 'mst'; did you mean 'most'"):
        rows(RUN, mst=2)
