"""Where in the prompt: spans of tasks, templates and files, and what is refused with the row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewise.errors import DataError
from edgewise.tasks import TextEncoder, make_task
from edgewise.tasks.chat import ChatEncoder
from edgewise.tasks.files import read_prompts
from edgewise.tasks.places import by_place, kind_of
from edgewise.tasks.prompts import PromptPair, PromptSet, Span
from edgewise.tasks.templates.shipped import LIBRARY
from tasks.small_tokenizers import ID, word_tokenizer
from tasks.test_files import write

CLEAN = "Then Mary and John gave it to"
WORDS = {"clean": CLEAN, "corrupted": "Then Anna and John gave it to", "answers": "Mary", "wrong_answers": ["John"]}


def text_of(tokenizer, pair, name):
    span = next(span for span in pair.spans if span.name == name)
    return tokenizer.decode(pair.clean[span.start : span.stop]).strip()


def pairs_of(*spans, length=6):
    rows = [tuple(Span(*span) for span in of_row) for of_row in spans]
    clean = tuple(range(length))
    return PromptSet(
        "file.json",
        tuple(PromptPair(clean, clean[::-1], (1,), (2,), row=at, spans=row) for at, row in enumerate(rows, start=1)),
    )


@pytest.mark.parametrize("order", ["abba", "baba"])
def test_ioi_names_its_parts(order, any_tokenizer):
    for pair in make_task("ioi", any_tokenizer, n=40, options={"order": order}):
        part = {span.name: text_of(any_tokenizer, pair, span.name) for span in pair.spans}
        answer, subject = (any_tokenizer.decode([ids[0]]).strip() for ids in (pair.answers, pair.wrong_answers))
        assert (part["IO"], part["S1"], part["S2"]) == (answer, subject, subject)
        assert part["END"] == any_tokenizer.decode(pair.clean[-1:]).strip()
        text = any_tokenizer.decode(pair.clean)
        behind = text.split(subject, 1)[1].split()[0]
        assert part["S1+1"] == behind
        assert part["scene"].split()[0] == (
            text.split(subject, 1)[1].split()[1] if order == "abba" else text.split(answer, 1)[1].split()[0]
        )
        # The verb phrase begins behind the second subject and ends in front of the last word.
        assert text.rsplit(subject, 1)[1].strip() == f"{part['action']} {part['END']}"


def test_ioi_is_one_sentence_by_hand(gpt2_tokenizer):
    (pair,) = make_task("ioi", gpt2_tokenizer, n=1, options={"template": "acdc"})
    found = {span.name: (span.start, span.stop) for span in pair.spans}
    # "Then, Mary and John went to the store. John gave a bag to": the positions that the task's source names.
    names = {"IO": (2, 3), "S1": (4, 5), "S1+1": (5, 6), "S2": (10, 11)}
    assert found == names | {"scene": (6, 10), "action": (11, 14), "END": (14, 15)}
    (located,) = by_place(PromptSet("ioi", (pair,)), "spans")
    assert located.located.names == ("IO", "S1", "S1+1", "scene", "S2", "action", "END", "rest")
    assert located.located.at == (7, 7, 0, 7, 1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6)


@pytest.mark.parametrize("name", sorted(path.stem for path in LIBRARY.glob("*.toml")))
def test_the_slots_of_a_template_are_spans(name, gpt2_tokenizer):
    prompts = by_place(make_task(name, gpt2_tokenizer, n=12), "spans")
    names = {span.name for span in prompts[0].spans}
    assert len(names) >= 2
    for pair in prompts:
        assert {span.name for span in pair.spans} == names
        differs = {at for at, (one, two) in enumerate(zip(pair.clean, pair.corrupted, strict=True)) if one != two}
        inside = {at for span in pair.spans for at in range(span.start, span.stop)}
        # What is corrupted is a slot, or stands in a sentence of its own.
        assert differs & inside or name in ("language-switch", "acronyms")


def test_a_template_names_what_stands_in_its_slots(gpt2_tokenizer):
    for pair in make_task("plurals", gpt2_tokenizer, n=20):
        found = {span.name: text_of(gpt2_tokenizer, pair, span.name) for span in pair.spans}
        text = gpt2_tokenizer.decode(pair.clean)
        assert found["noun"] in text.split("ne ")[-1]
        assert all(part in text for part in found.values())


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_a_file_names_spans_in_characters(suffix, tmp_path):
    row = {**WORDS, "spans": {"name": [5, 9], "verb": [19, 23], "none": [0, 0]}}
    if suffix == ".csv":
        row["spans"] = '{"name": [5, 9], "verb": [19, 23], "none": [0, 0]}'
    path = write(tmp_path, suffix, [row])
    encoder = TextEncoder(word_tokenizer("<s> $A", bos_token="<s>"))
    (pair,) = by_place(read_prompts(path, encoder, vocab_size=len(ID)), "spans")
    assert pair.clean[0] == ID["<s>"]
    assert {(span.name, span.start, span.stop) for span in pair.spans} == {
        ("name", 2, 3),
        ("verb", 5, 6),
        ("none", 0, 0),
    }
    assert pair.located.names == ("name", "verb", "none", "rest")
    assert pair.located.at == (3, 3, 0, 3, 3, 1, 3, 3)


def test_a_file_of_ids_names_spans_in_tokens(tmp_path):
    row = {"clean": [5, 6, 7, 8], "corrupted": [5, 9, 7, 8], "answers": [6], "spans": {"name": [1, 3]}}
    (pair,) = read_prompts(write(tmp_path, ".jsonl", [row]), None, vocab_size=len(ID))
    assert pair.spans == (Span("name", 1, 3),)
    encoder = TextEncoder(word_tokenizer(bos_token="<s>"))
    (with_bos,) = read_prompts(write(tmp_path, ".jsonl", [row]), encoder, vocab_size=len(ID), bos=True)
    assert with_bos.spans == (Span("name", 2, 4),)
    assert with_bos.clean[2:4] == (6, 7)


def test_spans_in_a_chat_template_are_those_of_the_message(gpt2_tokenizer):
    tokenizer = word_tokenizer(bos_token="<s>")
    tokenizer.chat_template = "<s> {{ messages[0]['content'] }} [SEP]"
    found = ChatEncoder(tokenizer).spans(CLEAN, {"name": (5, 9)})
    assert found == (Span("name", 2, 3),)


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ({"name": [5, 99]}, r"row 1, spans: 'name' \[5, 99\] lies outside the text of 29 characters; use 0 to 29"),
        ({"name": [-5, 9]}, r"row 1, spans: 'name' \[-5, 9\] lies outside the text"),
        ({"name": [9, 5]}, r"row 1, spans: 'name' \[9, 5\] ends before it begins; write \[5, 9\]"),
        ({"name": [4, 5]}, r"row 1, spans: no token begins in 'name' \[4, 5\]; give whole words"),
        ({"name": [5, 7]}, r"row 1, spans: 'name' \[5, 7\] cuts the token 'Mary' \[5, 9\]; begin and end it where"),
        ({"name": [6, 13]}, r"row 1, spans: 'name' \[6, 13\] cuts the token 'Mary' \[5, 9\]"),
        ({"name": [True, 9]}, r"row 1, spans: 'name': True is not a whole number"),
        ({"name": [5, 9, 10]}, r"row 1, spans: 'name' is \[5, 9, 10\]; write"),
        ({"name": None, "a@b": [5, 9]}, r"row 1, spans: 'a@b' cannot be the name of a place; use letters"),
        ({"": [5, 9]}, r"row 1, spans: '' cannot be the name of a place; use letters"),
        ({"0": [5, 9]}, r"row 1, spans: '0' is a number, as positions are; name it by a word"),
        ({"name": 5}, r"row 1, spans: 'name' is 5; write \{\"subject\": \[4, 8\]\}"),
        ({"name": [5, 9.5]}, r"row 1, spans: 'name': 9.5 is not a whole number"),
        ([5, 9], r"row 1, spans: \[5, 9\] is not an object of names"),
    ],
)
def test_spans_that_are_none_are_refused_with_the_row(spans, said, tmp_path):
    path = write(tmp_path, ".jsonl", [{**WORDS, "spans": spans}])
    with pytest.raises(DataError, match=said):
        read_prompts(path, TextEncoder(word_tokenizer()), vocab_size=len(ID))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [[("a", 0, 2)], [("a", 0, 9)]],
            r"file.json: row 2, spans: 'a' \[0, 9\] lies outside the prompt of 6 tokens; use",
        ),
        ([[("a", 4, 2)]], r"row 1, spans: 'a' \[4, 2\] ends before it begins; write \[2, 4\]"),
        ([[("a", -1, 2)]], r"row 1, spans: 'a' \[-1, 2\] lies outside the prompt of 6 tokens"),
        ([[("a", 0, 2), ("b", 1, 3)]], r"row 1, spans: 'a' \[0, 2\] and 'b' \[1, 3\] overlap"),
        ([[("a", 0, 2)], []], r"row 2, spans: 'a' is missing, which other rows have"),
        ([[], [("a", 0, 2)], [("a", 0, 2)]], r"^file.json: row 1, spans: 'a' is missing, which other rows have"),
        (
            [[("a", 0, 2)], [("a", 0, 2), ("b", 3, 4)]],
            r"^file.json: row 2, spans: 'b' is here and not in most rows; gi",
        ),
        ([[("name", 0, 2)], [("Name", 0, 2)]], r"row 2, spans: 'Name' is here and not in most rows; did you mean 'na"),
        ([[("a", 0, 0)], [("a", 0, 0)]], r"no prompt has spans; give every row"),
        ([[("a", 0, 2), ("a", 3, 4)]], r"row 1, spans: 'a' is named twice"),
        ([[], []], r'no prompt has spans; give every row of a data file a field spans, such as \{"subject"'),
        ([[("rest", 0, 2)]], r"a span is named 'rest'"),
    ],
)
def test_spans_that_do_not_fit_are_refused_with_the_row(rows, said):
    with pytest.raises(DataError, match=said):
        by_place(pairs_of(*rows), "spans")


def test_spans_that_cover_every_prompt_leave_no_rest():
    (pair,) = by_place(pairs_of([("a", 0, 2), ("rest", 2, 6)]), "spans")
    assert pair.located.names == ("a", "rest")


def test_positions_all_needs_prompts_of_one_length():
    prompts = pairs_of([], [])
    located = by_place(prompts, "all")
    assert located[0].located.names == tuple("012345")
    assert located[1].located.at == (0, 1, 2, 3, 4, 5)
    uneven = replace(prompts, pairs=(*prompts.pairs, PromptPair((1, 2), (2, 1), (1,), (), row=7)))
    with pytest.raises(DataError, match=r"needs prompts of one length.*2 to 6 tokens \(rows 1 and 7 differ\).*spans"):
        by_place(uneven, "all")
    long = PromptSet("long", (PromptPair(tuple(range(300)), tuple(range(300)), (1,)),))
    with pytest.raises(DataError, match="256 places are the most"):
        by_place(long, "all")


def test_what_was_asked_for_is_seen_by_the_names():
    assert (kind_of(("0", "1")), kind_of(("IO", "S1"))) == ("all", "spans")
