"""Checks of prompts, on values worked out by hand; and rows that are kept because the model gets them right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewise import load_model
from edgewise.errors import DataError
from edgewise.report.data_checks import show_checks, show_in_one_line
from edgewise.runs.asked_prompts import look
from edgewise.runs.config import RunConfig
from edgewise.runs.data_checks import Measured, check_data, check_scores
from edgewise.runs.discover import find_circuit
from edgewise.runs.prompts import prompts_of
from edgewise.tasks import PromptPair

FOUR = (
    PromptPair((1, 2), (1, 3), (7,), (8,)),
    PromptPair((1, 4), (1, 3), (7,), (8,)),
    PromptPair((1, 4), (1, 3), (7,), (8,)),
    PromptPair((1, 5), (1, 9), (9,), (8,)),
)


def found(clean, corrupted, compares=True, top=None):
    measured = Measured(np.array(clean, float), np.array(corrupted, float), compares, top)
    return {check.name: check for check in check_data(FOUR, measured)}


def test_each_check_finds_what_a_hand_finds():
    # changes: 4, 2, 0, -2
    checks = found([3, 1, 1, -1], [-1, -1, 1, 1], top=0.25)
    values = {name: check.value for name, check in checks.items()}
    assert values == pytest.approx(
        {
            "right on clean": 3 / 4,
            "less on corrupted": 2 / 4,
            "answers on top": 1 / 4,
            "enough prompts": (20 / 3) ** 0.5 / 4**0.5 / 1,  # mean 1, squares about it 9 + 1 + 1 + 9
            "evenly spread": 8**2 / 24 / 4,
            "rows that change nothing": 1 / 4,
            "first difference": 0.0,
            "duplicates": 1 / 4,
            "balance of answers": 3 / 4,
            "answers in the corrupted prompt": 1 / 4,
        }
    )
    assert {name for name, check in checks.items() if check.good} == {"evenly spread", "first difference"}
    assert "about 667 prompts" in checks["enough prompts"].do  # (sd / .1)² = 666.7
    assert "below zero in 50%" in checks["less on corrupted"].found


def test_good_prompts_are_said_to_be_in_one_line():
    pairs = [PromptPair((1, row), (1, row + 50), (row + 100,), (99,)) for row in range(20)]
    measured = Measured(np.full(20, 2.0) + np.arange(20) / 100, np.full(20, -2.0), True, 0.9)
    checks = check_data(pairs, measured)
    assert show_in_one_line(checks) == "data: good by all 10 checks"
    assert len(show_checks(checks).splitlines()) == 11


def test_where_clean_and_corrupted_first_differ():
    """By hand: token 2 of one, token 4 of another, which is read before; equal prompts differ nowhere."""
    pairs = [
        PromptPair((1, 2, 3, 4), (1, 9, 3, 4), (7,)),
        PromptPair((1, 2, 3, 4), (1, 2, 3, 9), (7,), positions=(2,)),
        PromptPair((1, 2, 3, 4), (1, 2, 3, 4), (7,)),
        PromptPair((1, 2, 3, 4), (1, 9, 3, 9), (7,), positions=(2, 3)),
    ]
    (check,) = (one for one in check_data(pairs, None) if one.name == "first difference")
    assert (check.value, check.good) == (0.5, False)
    assert check.found.startswith("clean and corrupted first differ at token 2 to 4 (median 2); in 50% of rows behind")


def test_what_is_not_good_is_named_with_limit_source_and_mend():
    text = show_checks(tuple(found([3, 1, 1, -1], [-1, -1, 1, 1]).values()))
    head, *lines = text.splitlines()
    assert head.startswith("data: 2 of 9 checks good; look at right on clean 75% (80% or more); ")
    (line,) = (line for line in lines if "  balance of answers:" in line)
    assert line == (
        "  look  balance of answers: 2 different answers; the commonest is right in 75% of rows; 60% or less: half of"
        " two answers, and two standard errors of a hundred rows; give other answers more rows: to say always the same"
        " would be right as often"
    )


def test_a_metric_that_compares_nothing_is_not_held_against_zero():
    assert "right on clean" not in found([3, 1, 1, -1], [0, 0, 0, 0], compares=False)
    assert {check.name for check in check_data(FOUR, None)} == {
        "first difference",
        "duplicates",
        "balance of answers",
        "answers in the corrupted prompt",
    }


def test_the_largest_scores_are_held_against_their_standard_errors():
    values = np.array([4.0, -2.0, 1.0, np.nan, 0.0, *[0.01] * 20])
    stderr = np.array([1.0, 1.0, 0.6, 1.0, 0.0, *[0.008] * 20])
    check = check_scores(values, stderr)
    assert check is not None
    assert check.value == pytest.approx(0.8)  # of 1/4, 1/2, .6 and seven of .8
    assert not check.good
    assert check.do == "use about 2.6 times as many prompts"
    assert check_scores(values, None) is None
    assert check_scores(np.zeros(3), np.ones(3)) is None


def rows_of(config):
    model = load_model("demo")
    return model, prompts_of(config, model)


def test_the_rows_that_the_model_gets_right_are_kept_and_recorded(tmp_path: Path):
    """Every third row has its answers exchanged: the model, which knows the task, gets these wrong."""
    model, prompts = rows_of(RunConfig("demo", task="ioi", n=9))
    text = model.tokenizer.decode
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for place, pair in enumerate(prompts):
            right, wrong = (text(list(ids)) for ids in (pair.answers, pair.wrong_answers))
            ours, theirs = (wrong, right) if place % 3 == 0 else (right, wrong)
            clean, corrupted = text(list(pair.clean)), text(list(pair.corrupted))
            row = {"clean": clean, "corrupted": corrupted, "answers": ours, "wrong_answers": theirs}
            file.write(json.dumps(row) + "\n")
    config = RunConfig("demo", data=str(path), select="correct", method="eap", evaluate=False)
    kept, shown = look(config, 1)
    assert [pair.row for pair in kept] == [2, 3, 5, 6, 8, 9]
    run = find_circuit(config, tmp_path / "run")
    assert run.record.prompts.n == 6
    assert run.record.prompts.info["selected"] == {"rule": "correct", "of": 9, "rows": [2, 3, 5, 6, 8, 9]}
    assert "6 of 9 rows are kept: those that the model gets right" in run.record.warnings[0]
    assert run.record.prompts.shown.checks[0].found == "the metric prefers the right answers in 100% of rows"
    assert {check.name for check in shown.checks} - {check.name for check in run.record.prompts.shown.checks} == {
        "answers on top"
    }
    path.write_text("\n".join(path.read_text().splitlines()[::3]) + "\n")
    with pytest.raises(DataError, match="the model gets none of 3 rows right; leave --select correct out"):
        look(config, 1)
