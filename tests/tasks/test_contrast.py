"""Answers of several tokens, against continuations that are made one token at a time."""

from __future__ import annotations

import json

import pytest
import torch

from edgewise import load_model
from edgewise.errors import DataError
from edgewise.runs.model_answers import answers_of
from edgewise.runs.prompts import read_prompts
from edgewise.tasks import TextEncoder
from edgewise.tasks.contrast import contrast

CLEAN = "Then, Mary and John went to the museum. John gave a ticket to"
CORRUPTED = "Then, Anna and Paul went to the museum. Lucy gave a ticket to"


def read(tmp_path, model, right, wrong):
    path = tmp_path / "rows.jsonl"
    rows = [{"clean": CLEAN, "corrupted": CORRUPTED, "answers": right, "wrong_answers": wrong}]
    path.write_text("\n".join(map(json.dumps, rows)))
    return read_prompts(path, model)


@pytest.mark.parametrize(
    ("right", "wrong", "shared"),
    [
        (" Mary and Anna", " Mary and Paul", " Mary and"),
        (" Mary gave", " John went to", ""),
        ([" Mary went to", " Mary gave"], " Mary and", " Mary"),
    ],
)
def test_the_metric_is_that_of_a_run_made_token_by_token(tmp_path, right, wrong, shared):
    model = load_model("demo")
    prompts = read(tmp_path, model, right, wrong)
    assert "answers of several tokens are read at the first in which" in prompts.warnings[0]
    (answer,) = answers_of(model, prompts)
    ids = model.tokenizer
    rights, wrongs = ([one] if isinstance(one, str) else one for one in (right, wrong))
    for text, value in ((CLEAN, answer.clean), (CORRUPTED, answer.corrupted)):
        so_far = ids(text)["input_ids"]
        for token in ids(shared)["input_ids"]:  # one token at a time
            so_far = [*so_far, token]
        with torch.no_grad():
            logits = model.module(torch.tensor([so_far])).logits[0, -1]
        n = len(ids(shared)["input_ids"])
        ours, theirs = (
            torch.stack([logits[ids(one)["input_ids"][n]] for one in some]).mean() for some in (rights, wrongs)
        )
        assert value == pytest.approx(float(ours - theirs), abs=1e-4)


def test_where_answers_differ_is_found_by_hand(gpt2_tokenizer):
    encoder = TextEncoder(gpt2_tokenizer)
    token = {text: gpt2_tokenizer(text)["input_ids"] for text in (" New", " York", " Jersey", " Paris", " Mexico")}
    (new,), (york,), (jersey,), (paris,), (mexico,) = token.values()
    found = contrast(encoder, "He lives in", [" New York"], [" New Jersey"])
    assert (found.shared, found.right, found.wrong) == ((new,), (york,), (jersey,))
    found = contrast(encoder, "He lives in", [" New York", " New Mexico"], [" Paris"])
    assert (found.shared, found.right, found.wrong) == ((), (new,), (paris,))
    found = contrast(encoder, "He lives in", [" New York", " New Mexico"], [" New Jersey"])
    assert (found.shared, found.right, found.wrong) == ((new,), (york, mexico), (jersey,))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ([" New"], [" New York"], "answer ' New' is how another begins"),
        (
            [" New York", " Paris"],
            [" New Jersey"],
            "wrong answer ' New Jersey' begin with the same token",
        ),
        ([""], [" Paris"], "answer '' is empty"),
    ],
)
def test_answers_that_cannot_be_told_apart_are_refused(gpt2_tokenizer, right, wrong, said):
    with pytest.raises(DataError, match=said):
        contrast(TextEncoder(gpt2_tokenizer), "He lives in", right, wrong)
