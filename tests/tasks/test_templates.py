"""Templates against rows written by hand, and what is refused of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise.errors import DataError
from edgewise.tasks import TASKS, TextEncoder, make_task
from edgewise.tasks.templates.draw import draw, is_held_out
from edgewise.tasks.templates.fit import described, fit
from edgewise.tasks.templates.read import read_template
from edgewise.tasks.templates.shipped import LIBRARY

HEAD = 'clean = "The {a} is {b}. The {a} is"\nanswers = " {b}"\n'
SLOTS = '[slots]\na = ["bag", "hat"]\nb = { fillers = ["red", "blue"], corrupt = "resample" }\n'


@pytest.fixture
def encoder(gpt2_tokenizer):
    return TextEncoder(gpt2_tokenizer)


@pytest.fixture
def template(tmp_path):
    def write(text: str, name: str = "mine.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_template(path)

    return write


def made(template, encoder, n=1, split="discovery"):
    return draw(template, fit(template, encoder), encoder, n=n, seed=0, split=split)


def test_every_prompt_of_a_small_template_is_one_of_those_written_by_hand(template, encoder):
    rows = made(template(HEAD + SLOTS), encoder, n=4)
    by_hand = {
        (f"The {a} is {b}. The {a} is", f"The {a} is {o}. The {a} is", f" {b}", f" {o}")
        for a in ("bag", "hat")
        for b, o in (("red", "blue"), ("blue", "red"))
    }
    assert {(row.clean, row.corrupted, *row.answers, *row.wrong_answers) for row in rows} == by_hand
    for row in rows:
        assert row.pair.clean == tuple(encoder.tokenizer(row.clean)["input_ids"])
        assert row.pair.corrupted == tuple(encoder.tokenizer(row.corrupted)["input_ids"])
        assert (row.pair.answers, row.pair.wrong_answers) == tuple(
            tuple(encoder.tokenizer(text)["input_ids"]) for text in (row.answers[0], row.wrong_answers[0])
        )
        assert row.fillers == {"a": row.clean.split()[1], "b": row.answers[0].strip()}


def test_no_more_prompts_than_there_are(template, encoder):
    with pytest.raises(DataError, match=r"5 different prompts asked for, and .* gave 4; ask for fewer"):
        made(template(HEAD + SLOTS), encoder, n=5)


def test_yaml_says_the_same_as_toml(template, encoder):
    text = """
clean: "The {a} is {b}. The {a} is"
answers: " {b}"
slots:
  a: [bag, hat]
  b: {fillers: [red, blue], corrupt: resample}
"""
    ours, theirs = (made(template(HEAD + SLOTS), encoder, 4), made(template(text, "mine.yaml"), encoder, 4))
    assert {row.pair for row in ours} == {row.pair for row in theirs}


def test_a_name_twice_in_yaml_is_refused(template):
    text = "clean: 'The {a} is'\nslots:\n  a: [bag, hat]\n  b: [red]\n  a: [cup]\nanswers: ' {b}'\n"
    with pytest.raises(DataError, match="line 5: 'a' stands there twice; give each name once"):
        template(text, "mine.yaml")


def test_two_slots_change_places(template, encoder):
    text = """
clean = "{one} met {two}. {one}"
answers = " {one}"
wrong_answers = " {two}"
[slots]
one = { list = "names", corrupt = "swap", with = "two" }
two = "names"
[lists]
names = ["Mary", "John", "Anna"]
"""
    for row in made(template(text), encoder, 6):
        one, two = row.fillers["one"], row.fillers["two"]
        assert one != two
        assert row.corrupted == f"{two} met {one}. {two}"
        assert (row.answers, row.wrong_answers) == ((f" {one}",), (f" {two}",))


TABLE = """
clean = "In {land} they pay in"
answers = " {land.money}"
split = "lands"
[slots]
land = { list = "lands", corrupt = "%s" }
[lists.lands]
distinct = "money"
table = '''
land, money
France, euros|cents
Italy, euros|cents
Japan, yen
Saudi Arabia, dollars
Papua New, pounds
India, cash
Atlantis, shellfishmoney
'''
"""


def test_only_fillers_of_the_commonest_length_stay_and_the_others_are_named(template, encoder):
    found = fit(template(TABLE % "resample"), encoder)
    assert [filler.text for filler in found.fillers["land"]] == ["France", "Italy", "Japan", "India"]
    assert {one.filler: one.why for one in found.dropped} == {
        "Saudi Arabia": "not 1 token as most",
        "Papua New": "not 1 token as most",
        "Atlantis": "its answer is not one token",
    }
    (line,) = described(found.dropped)
    assert line.startswith("slot 'land': 3 of 7 fillers left out (")


def test_same_length_corrupts_by_a_filler_of_as_many_tokens(template, encoder):
    one = template((TABLE % "same-length").replace('split = "lands"\n', ""))
    found = fit(one, encoder)
    assert [filler.text for filler in found.fillers["land"]][3:5] == ["Saudi Arabia", "Papua New"]
    rows = draw(one, found, encoder, n=6, seed=0, split="discovery")
    for row in rows:
        assert len(row.pair.clean) == len(row.pair.corrupted)
    pairs = {(row.clean, row.corrupted) for row in rows}
    assert ("In Saudi Arabia they pay in", "In Papua New they pay in") in pairs
    france = next(row for row in rows if row.fillers["land"] == "France")
    assert france.answers == (" euros", " cents")
    assert "Italy" not in france.corrupted, "Italy pays in euros too"


def test_held_out_prompts_have_words_of_their_own(template, encoder):
    one = template(TABLE % "resample")
    sides = {split: {row.fillers["land"] for row in made(one, encoder, 1, split)} for split in ("discovery",)}
    kept = {filler.text: is_held_out(filler) for filler in fit(one, encoder).fillers["land"]}
    assert not any(kept[land] for land in sides["discovery"])
    with pytest.raises(DataError, match="holds no prompts out; name the list to divide with `split`"):
        made(template(HEAD + SLOTS), encoder, 1, "held-out")


TEMPLATES = {file.stem: read_template(file, file.stem) for file in LIBRARY.glob("*.toml")}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_task_of_the_library_has_a_source_and_holds_words_or_pairs_out(name):
    one = TEMPLATES[name]
    assert one.summary.endswith(").")
    assert len(one.source) > 40
    assert name in TASKS
    pairs = [step.companions for form in one.forms for step in form.steps(held_out=True)]
    assert (one.split is not None) != any(pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in TEMPLATES.items() if one.split])
def test_a_task_that_holds_words_out_holds_whole_words_out(name, encoder):
    one = TEMPLATES[name]
    fitted = fit(one, encoder)
    words = {}
    for split in ("discovery", "held-out"):
        rows = draw(one, fitted, encoder, n=200, seed=0, split=split)
        assert len({row.pair.clean for row in rows}) == 200
        words[split] = {
            row.fillers[slot] for row in rows for slot in row.fillers if one.slots[slot].words.name == one.split
        }
    assert words["held-out"]
    assert not words["discovery"] & words["held-out"]


def test_the_first_form_that_the_tokenizer_allows_is_taken_and_said(gpt2_tokenizer):
    prompts = make_task("addition", gpt2_tokenizer, n=20)
    assert prompts.info["form"] == "the whole sum"
    for pair in prompts:
        text = gpt2_tokenizer.decode(pair.clean)
        left, right = map(int, text.replace("\n", ", ").split(", ")[-1].removesuffix(" =").split(" + "))
        assert gpt2_tokenizer.decode(pair.answers) == f" {left + right}"


def test_prices_above_are_right_and_the_others_wrong(gpt2_tokenizer):
    prompts = make_task("prices", gpt2_tokenizer, n=20)
    assert (prompts.metric, prompts.info["form"]) == ("prob-diff", "two-digit tokens")
    for pair in prompts:
        price = int(gpt2_tokenizer.decode(pair.clean).split("$")[1][:2])
        right, wrong = ([int(gpt2_tokenizer.decode([t])) for t in ids] for ids in (pair.answers, pair.wrong_answers))
        assert sorted(right) == list(range(price + 1, 100))
        assert sorted(wrong) == list(range(10, price + 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clean = 3", "clean: 3 where sentences belong"),
        ("claen = 'a'", "the template has 'claen'; did you mean 'clean'?"),
        (HEAD, "no slot 'a'; the slots: none"),
        (HEAD + SLOTS.replace('["bag", "hat"]', "[]"), "list 'a' is empty; give at least one filler"),
        (HEAD + SLOTS.replace('"hat"', '"bag"'), "list 'a': 'bag' stands there twice"),
        (HEAD + SLOTS.replace("resample", "replace"), "slot 'b', corrupt: 'replace' is not one of resample"),
        (HEAD + SLOTS.replace(', corrupt = "resample"', ""), "nothing differs between clean and corrupted"),
        (HEAD + SLOTS.replace("resample", "swap"), "`with` names the slot"),
        (HEAD.replace("{b}.", "{b.x}.") + SLOTS, "b has no field 'x'; it has text"),
        (HEAD.replace("{b}.", "{b.") + SLOTS, "write a slot as {slot}"),
        (HEAD.replace("{b}.", "{b!r}.") + SLOTS, "a slot is its name alone"),
        ('metric = "logit-dif"\n' + HEAD + SLOTS, "did you mean 'logit-diff'"),
        ('split = "c"\n' + HEAD + SLOTS, "split: 'c' is no list of a slot; name one of a, b"),
        ('corrupted = ["x", "y"]\n' + HEAD + SLOTS, "2 sentences in corrupted where clean has 1"),
        (HEAD + SLOTS.replace('["bag", "hat"]', '"bags"'), "slot 'a': no list 'bags'"),
        (HEAD + SLOTS + "[lists]\nc = { csv = 'none.csv' }", "none.csv cannot be read (No such file"),
        (HEAD + SLOTS + "[lists]\nc = { table = '''a, b\n1''' }", "row 1 is ['1']; fill in a, b"),
        (HEAD + SLOTS + "[lists]\nc = { words = 'name' }", "no words 'name'; did you mean 'names'?"),
        ("clean = [", "not TOML"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(template, text, said):
    with pytest.raises(DataError) as error:
        template(text)
    assert said in str(error.value)
    assert "mine.toml: " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("a", "said"),
    [
        ('["bag", "unbelievableness"]', "only 1 of 2 fillers of slot 'a' can be used"),
        ('["bag", "hat"]', None),
    ],
)
def test_a_slot_that_cannot_be_of_equal_length_is_refused_with_the_reason(template, encoder, a, said):
    one = template(
        'clean = "The {a} is"\nanswers = " {b}"\nwrong_answers = " red"\n'
        f'[slots]\na = {{ fillers = {a}, corrupt = "resample" }}\nb = ["blue"]\n'
    )
    if said is None:
        assert len(made(one, encoder, 2)) == 2
        return
    with pytest.raises(DataError, match=said) as error:
        fit(one, encoder)
    assert "needs 2; give other fillers" in str(error.value)
    assert "unbelievableness" in str(error.value)


def test_a_missing_file_and_another_ending_are_refused():
    for path, said in (("none.toml", r"cannot be read \(No such file"), ("none.txt", "a template ends in .toml")):
        with pytest.raises(DataError, match=said):
            read_template(Path(path))
