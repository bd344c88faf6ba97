"""Prompts as they are shown, and what the model says of them, against plain passes of one prompt at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgewise.models import Model, load_model
from edgewise.report.prompts import show_prompts as as_text
from edgewise.runs.asked_prompts import look
from edgewise.runs.config import RunConfig
from edgewise.runs.model_answers import answers_of
from edgewise.runs.prompts import make_task
from edgewise.runs.shown_prompts import show_prompts
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet
from tasks.small_tokenizers import ID, word_tokenizer


@pytest.fixture(scope="module")
def demo() -> Model:
    return load_model("demo")


def several(demo: Model) -> PromptSet:
    """Prompts with several answers, with none to compare with, and read at two positions; some answers are swapped."""
    pairs = list(make_task("ioi", demo, n=8).pairs)
    pairs[1] = replace(pairs[1], answers=pairs[1].wrong_answers, wrong_answers=pairs[1].answers)
    pairs[2] = replace(pairs[2], wrong_answers=())
    pairs[3] = replace(pairs[3], answers=(*pairs[3].answers, *pairs[0].answers, *pairs[5].wrong_answers))
    pairs[4] = replace(pairs[4], positions=(3, -1))
    return PromptSet("mixed", tuple(pairs))


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_what_the_model_says_is_what_its_logits_say(demo: Model, batch_size: int | None) -> None:
    prompts = several(demo)
    found = answers_of(demo, prompts, Conditions(batch_size))
    for pair, answer in zip(prompts, found, strict=True):
        with torch.no_grad():
            clean, corrupted = (
                demo.module(torch.tensor([ids])).logits[0, list(pair.positions)] for ids in (pair.clean, pair.corrupted)
            )
        right, wrong = list(pair.answers), list(pair.wrong_answers)
        assert answer.likeliest.ids == tuple(int(one.argmax()) for one in clean)
        assert answer.top == all(int(one.argmax()) in right for one in clean)
        if not wrong:
            assert (answer.right, answer.clean, answer.corrupted) == (None, None, None)
            continue
        assert answer.right == bool((clean[:, right].amax(1) > clean[:, wrong].amax(1)).all())
        for logits, difference in ((clean, answer.clean), (corrupted, answer.corrupted)):
            expected = (logits[:, right].mean(1) - logits[:, wrong].mean(1)).mean()
            assert difference == pytest.approx(float(expected), abs=1e-4)


def test_a_whole_answer_is_on_top_where_each_token_is_at_its_place(demo: Model) -> None:
    pair = make_task("ioi", demo, n=1)[0]
    with torch.no_grad():
        said = demo.module(torch.tensor([pair.clean])).logits[0].argmax(-1).tolist()
    at = next(at for at in range(3, len(said) - 1) if said[at] != said[at + 1])
    places, own = (at, at + 1), tuple(said[at : at + 2])
    pairs = tuple(replace(pair, answers=ids, wrong_answers=(), positions=places) for ids in (own, own[::-1]))
    found = answers_of(demo, PromptSet("whole", pairs, metric="answer-log-prob"))
    assert [answer.top for answer in found] == [True, False]
    assert [answer.likeliest.ids for answer in found] == [own, own]


def test_the_numbers_of_the_set_are_those_of_its_rows(demo: Model) -> None:
    prompts = several(demo)
    said = answers_of(demo, prompts)
    shown = show_prompts(prompts, demo.tokenizer, 3, said)
    assert shown.answer is not None
    assert [row.answer for row in shown.rows] == list(said[:3])
    compared = [answer for answer in said if answer.right is not None]
    assert (shown.answer.compared, shown.answer.right) == (7, sum(bool(answer.right) for answer in compared))
    assert shown.answer.top == sum(answer.top for answer in said)
    assert shown.answer.clean == pytest.approx(sum(answer.clean or 0 for answer in compared) / 7)
    assert 2 in shown.answer.wrong_rows, "its answers were swapped"
    assert 1 not in shown.answer.wrong_rows


def test_lengths_and_differences_are_counted() -> None:
    pairs = (
        PromptPair((1, 2, 3), (1, 9, 3), (4,), (5,), row=7),
        PromptPair((1, 2, 3, 4, 5), (1, 2, 8, 8, 8), (4,), (5,), positions=(2, 3)),
    )
    shown = show_prompts(PromptSet("ids", pairs), None, 5)
    assert (shown.n, shown.shortest, shown.longest) == (2, 3, 5)
    assert (shown.differs, shown.least_differing, shown.most_differing) == ((1, 2, 3, 4), 1, 3)
    assert [(row.row, row.differs, row.positions) for row in shown.rows] == [(7, (1,), (2,)), (2, (2, 3, 4), (2, 3))]
    assert shown.rows[0].clean.texts == ("1", "2", "3"), "ids stand for themselves without a tokenizer"
    text = as_text(shown)
    assert "row 7: right 4; wrong 5\n" in text
    assert "row 2: right 4; wrong 5; read at positions 2, 3\n" in text
    assert "2 prompts of 3 to 5 tokens; clean and corrupted differ in 1 to 3 tokens, at positions 1 to 4" in text


def test_special_tokens_spaces_and_ends_of_lines_can_be_seen(gpt2_tokenizer) -> None:
    ids = [50256, *gpt2_tokenizer("He saw\n\tit")["input_ids"]]
    pair = PromptPair(ids, [50256, *gpt2_tokenizer("He had\n\tit")["input_ids"]], (5335,), (1757,))
    lines = as_text(show_prompts(PromptSet("text", (pair,)), gpt2_tokenizer, 1)).splitlines()
    assert lines[0] == "row 1: right ·Mary; wrong ·John"
    assert lines[1].split() == ["clean", "<|endoftext|>", "He", "·saw", "⏎", "⇥", "it"]
    assert lines[2].split() == ["corrupted", "<|endoftext|>", "He", "·had", "⏎", "⇥", "it"]
    assert lines[1].index("·saw") == lines[2].index("·had") == lines[3].index("^^^^")


@pytest.fixture(scope="module")
def gpt2_tokenizer(shared):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(shared / "gpt2-tokenizer")


def test_long_prompts_go_over_several_lines_and_none_is_too_wide() -> None:
    words = ["Then", "Mary", "went", "to", "the", "store"] * 20
    clean = [ID[word] for word in words]
    pair = PromptPair(clean, [*clean[:70], ID["Anna"], *clean[71:]], (ID["John"],))
    shown = show_prompts(PromptSet("long", (pair,)), word_tokenizer(), 1)
    lines = as_text(shown, width=60).splitlines()
    tokens = [line for line in lines if line.startswith("  clean ")]
    assert " ".join(line.removeprefix("  clean ").strip() for line in tokens).split() == words
    assert max(len(line) for line in lines if line.startswith("  ")) <= 60
    assert sum("^" in line for line in lines) == 1


def test_without_weights_nothing_but_config_and_tokenizer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgewise.models.stored.read_module", lambda *_, **__: pytest.fail("weights were read"))
    prompts, shown = look(RunConfig(model="demo", task="ioi", n=4), 2, ask=False)
    assert len(prompts) == shown.n == 4
    assert len(shown.rows) == 2
    assert shown.answer is None
