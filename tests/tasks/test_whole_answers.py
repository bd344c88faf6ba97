"""`--answer-tokens all`: the log probability of a whole answer, against a model that is run one token at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from edgewise import load_model, score_edges
from edgewise.errors import DataError, MetricError, SettingError
from edgewise.runs.config import RunConfig
from edgewise.runs.data_checks import check_data
from edgewise.runs.prompts import prompts_of, read_prompts
from edgewise.settings.conditions import Conditions
from edgewise.tasks.prompts import PromptPair, PromptSet
from tiny import FAMILIES

CLEAN = "Then, Mary and John went to the museum. John gave a ticket to"
CORRUPTED = "Then, Anna and Paul went to the museum. Lucy gave a ticket to"
ANSWERS = (" Mary", " Mary and Anna", " Mary and Mary and Mary")


def rows(path: Path, **more: object) -> Path:
    lines = [{"clean": CLEAN, "corrupted": CORRUPTED, "answers": answer, **more} for answer in ANSWERS]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_it_is_the_sum_of_a_run_made_token_by_token(tmp_path: Path) -> None:
    model = load_model("demo")
    assert model.tokenizer is not None
    prompts = read_prompts(rows(tmp_path / "rows.jsonl"), model, whole_answers=True)
    assert prompts.metric == "answer-log-prob"
    assert [len(pair.answers) for pair in prompts] == [1, 3, 5]
    measured = score_edges(model, prompts, method="eap", per_prompt=True, conditions=Conditions(batch_size=2))
    assert measured.n_prompts == 3
    from edgewise.attribution import attribute

    *_, last = attribute(model, prompts, conditions=Conditions(batch_size=3))
    for text, values in ((CLEAN, last.clean_metric), (CORRUPTED, last.corrupted_metric)):
        for answer, value in zip(ANSWERS, values, strict=True):
            so_far, total = model.tokenizer(text)["input_ids"], 0.0
            for token in model.tokenizer(answer)["input_ids"]:
                with torch.no_grad():
                    total += model.module(torch.tensor([so_far])).logits[0, -1].log_softmax(-1)[token].item()
                so_far = [*so_far, token]
            assert value == pytest.approx(total, abs=1e-4)


def test_scores_are_those_of_the_brute_force_transformer() -> None:
    pairs = PromptSet(
        "whole",
        (
            PromptPair((1, 2, 3, 4, 5), (1, 7, 3, 4, 5), (4, 5, 6), positions=(2, 3, 4)),
            PromptPair((3, 2, 9, 8), (5, 2, 9, 8), (8, 8), positions=(2, 3)),
        ),
        metric="answer-log-prob",
    )

    def by_definition(logits: torch.Tensor, prompt: PromptPair) -> torch.Tensor:
        each = logits.log_softmax(-1)
        return sum((each[..., place, token] for place, token in enumerate(prompt.answers)), torch.tensor(0.0))

    truth = oracle.edge_scores(from_hf(FAMILIES["gpt2"]()), pairs, by_definition)
    ours = score_edges(load_model(FAMILIES["gpt2"]()), pairs, method="eap", per_prompt=True).per_prompt
    assert ours is not None
    known = ~truth.isnan()
    assert (torch.tensor(ours)[known] - truth[known]).abs().max() <= 1e-10 * truth[known].abs().max()


def test_ids_are_the_answers_tokens_in_order_and_may_repeat(tmp_path: Path) -> None:
    path = tmp_path / "ids.jsonl"
    path.write_text(json.dumps({"clean": [5, 6, 7], "corrupted": [5, 8, 7], "answers": [9, 9, 3]}))
    (pair,) = read_prompts(path, load_model("demo"), whole_answers=True)
    assert pair.clean == (5, 6, 7, 9, 9)
    assert pair.corrupted == (5, 8, 7, 9, 9)
    assert (pair.answers, pair.positions) == ((9, 9, 3), (2, 3, 4))


def test_an_answer_that_is_taught_does_not_count_as_standing_in_the_corrupted_prompt(tmp_path: Path) -> None:
    prompts = read_prompts(rows(tmp_path / "rows.jsonl"), load_model("demo"), whole_answers=True)
    (leak,) = (check for check in check_data(prompts.pairs, None) if check.name == "answers in the corrupted prompt")
    # " and" and " Anna" stand there by themselves.
    assert leak.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("answers", [" Mary", " Anna"], "answers: 2 of them, and --answer-tokens all sums over one"),
        ("positions", [3], "positions: with --answer-tokens all the answer.s own are read"),
        ("answers", [""], "answers: answer '' is empty"),
    ],
)
def test_what_is_no_whole_answer_is_refused(field: str, value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_prompts(rows(tmp_path / "rows.jsonl", **{field: value}), load_model("demo"), whole_answers=True)


def test_wrong_answers_are_told_to_be_unread(tmp_path: Path) -> None:
    prompts = read_prompts(rows(tmp_path / "rows.jsonl", wrong_answers=" Paul"), load_model("demo"), whole_answers=True)
    assert any("wrong_answers are not looked at" in line for line in prompts.warnings)
    assert all(pair.wrong_answers == () for pair in prompts)


def test_tasks_and_first_tokens_go_without_it() -> None:
    with pytest.raises(SettingError, match="--answer-tokens is of a data file"):
        RunConfig("demo", task="ioi", answer_tokens="all")
    with pytest.raises(SettingError, match="--first-token takes one token of an answer"):
        RunConfig("demo", data="x.jsonl", answer_tokens="all", first_token=True)


@pytest.mark.parametrize("metric", ["log-prob", "logit-diff", "accuracy", "answer-log-prob", "kl-from-corrupted"])
def test_metrics_of_a_set_of_answers_are_refused(metric: str, tmp_path: Path) -> None:
    data = str(rows(tmp_path / "rows.jsonl"))
    config = RunConfig("demo", data=data, answer_tokens="all", metric=metric)
    if metric in ("answer-log-prob", "kl-from-corrupted"):
        assert len(prompts_of(config, load_model("demo")))
        return
    with pytest.raises(MetricError, match=f"metric '{metric}' takes answers for words .* leave --metric out"):
        prompts_of(config, load_model("demo"))
