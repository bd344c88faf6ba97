"""Prompts for a model: the task's or the file's, checked against what the model can take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewise import tasks
from edgewise.errors import DataError, UnknownNameError
from edgewise.models import Model, load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.prompts import make_task, prompts_of, read_prompts
from stored import id_rows, write_rows


@pytest.fixture(scope="module")
def demo() -> Model:
    return load_model("demo")


def test_a_model_or_its_tokenizer_give_the_same_prompts(demo: Model) -> None:
    prompts = make_task("ioi", demo, n=12, seed=4, options={"order": "abba"})
    of_tokenizer = make_task("ioi", demo.tokenizer, n=12, seed=4, options={"order": "abba"})
    assert prompts.fingerprint() == of_tokenizer.fingerprint()
    direct = tasks.make_task("ioi", demo.tokenizer, n=12, seed=4, options={"order": "abba"})
    assert prompts.fingerprint() == direct.fingerprint()
    assert len(prompts) == 12


def test_a_run_asks_for_the_same_prompts(demo: Model) -> None:
    config = RunConfig(model="demo", task="ioi", n=5, seed=7, split="held-out", options={"order": "baba"})
    direct = make_task("ioi", demo, n=5, seed=7, split="held-out", options={"order": "baba"})
    assert prompts_of(config, demo).fingerprint() == direct.fingerprint()
    assert len(prompts_of(replace(config, n=None), demo)) == 100


def test_the_models_limits_are_checked(demo: Model) -> None:
    longest = max(len(pair) for pair in make_task("ioi", demo, n=20))
    demo.config.max_position_embeddings, before = longest - 1, demo.config.max_position_embeddings
    try:
        with pytest.raises(DataError, match=rf"task 'ioi': .*rows? \d+.*, clean: {longest} tokens exceed"):
            make_task("ioi", demo, n=20)
    finally:
        demo.config.max_position_embeddings = before


def test_refusals_come_from_the_task(demo: Model) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ioi'"):
        make_task("iio", demo)
    with pytest.raises(DataError, match="no option 'ordr'"):
        make_task("ioi", demo, options={"ordr": "abba"})
    with pytest.raises(DataError, match="no tokenizer"):
        make_task("ioi", Model("nameless", demo.wiring))


def test_the_first_rows_of_a_file(demo: Model, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", id_rows(5))
    whole = read_prompts(path, demo)
    assert [pair.row for pair in read_prompts(path, demo, n=2)] == [1, 2]
    assert whole.pairs[:2] == read_prompts(path, demo, n=2).pairs
    with pytest.raises(DataError, match=r"rows\.jsonl: 6 prompts asked for, but it has 5"):
        read_prompts(path, demo, n=6)


def test_rows_without_answers_serve_a_metric_that_needs_none(demo: Model, tmp_path: Path) -> None:
    rows = [{"clean": [1, 2], "corrupted": [1, 3]}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    config = RunConfig(model="demo", data=str(path), metric="kl")
    assert len(prompts_of(config, demo)) == 1
    with pytest.raises(DataError, match="answers"):
        prompts_of(replace(config, metric="prob-diff"), demo)
