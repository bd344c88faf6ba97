"""`edgewise make-prompts`, as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgewise.tasks import TASKS

if TYPE_CHECKING:
    from cli.conftest import Cli

TEMPLATE = """
clean = "Then, {one} and {two} went to the {place}. {two} gave a {thing} to"
answers = " {one}"
wrong_answers = " {two}"
split = "names"

[slots]
one = { list = "names", corrupt = "resample" }
two = "names"
place = ["museum", "park", "palace"]
thing = ["ticket", "map"]

[lists]
names = { words = "names" }
"""


def test_options_of_a_template_are_taken(cli: Cli, tmp_path: Path) -> None:
    words = ("make-prompts", "ioi", "--model", "demo", "--n", 8, "--out", tmp_path / "made.jsonl")
    assert cli(*words, "--option", "order=baba", "--option", "template=acdc").code == 2
    assert cli(*words, "--option", "order=baba", "--option", "template=meet").code == 0
    for line in (tmp_path / "made.jsonl").read_text().splitlines():
        made = json.loads(line)
        first, second = made["fillers"]["subject"], made["fillers"]["io"]
        assert made["clean"].startswith(f"Yesterday, {first} and {second} met")
        assert made["answers"] == [f" {second}"]


def test_answers_that_go_on_with_a_word_are_said(cli: Cli, template: Path, tmp_path: Path) -> None:
    words = ("make-prompts", template, "--model", "demo", "--n", 2, "--out", tmp_path / "made.jsonl")
    assert "go on with" not in cli(*words).out
    template.write_text(TEMPLATE.replace('" {one}"', '"{one}"'))
    assert re.search(
        "answers go on with the prompt's last word: 'to' and '[A-Z][a-z]+', with no space", cli(*words).out
    )


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TEMPLATE)
    return path


def test_a_template_becomes_a_file_that_other_verbs_read(cli: Cli, template: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "prompts.jsonl"
    made = cli("make-prompts", template, "--model", "demo", "--n", 20, "--out", out)
    assert made.code == 0, made
    assert f"Wrote 20 prompts of 15 tokens to {out}" in made.out
    assert "slot 'place': 1 of 3 fillers left out (unknown to the tokenizer: palace)" in made.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({row["clean"] for row in rows}) == 20
    for row in rows:
        one, two = row["fillers"]["one"], row["fillers"]["two"]
        assert (row["answers"], row["wrong_answers"]) == ([f" {one}"], [f" {two}"])
        assert row["clean"].startswith(f"Then, {one} and {two} went")
        assert [a != b for a, b in zip(row["clean"].split(), row["corrupted"].split(), strict=True)].count(True) == 1
    read = cli("prompts", "--model", "demo", "--data", out, "--rows", 1, "--json")
    assert json.loads(read.out)["prompts"]["n"] == 20
    again = cli("make-prompts", template, "--model", "demo", "--n", 20, "--out", tmp_path / "b.jsonl", "--json")
    assert (tmp_path / "b.jsonl").read_text() == out.read_text()
    assert json.loads(again.out)["first"]["clean"] == rows[0]["clean"]


def test_held_out_prompts_have_other_names(cli: Cli, template: Path, tmp_path: Path) -> None:
    names = []
    for split in ("discovery", "held-out"):
        out = tmp_path / f"{split}.jsonl"
        cli("make-prompts", template, "--model", "demo", "--n", 50, "--split", split, "--out", out)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        names.append({row["fillers"][slot] for row in rows for slot in ("one", "two")})
    assert names[0]
    assert not names[0] & names[1]


def test_a_template_of_the_library_is_shown_to_begin_with(cli: Cli) -> None:
    shown = cli("make-prompts", "antonyms", "--show")
    assert shown.out.startswith("# ")
    assert "[lists.pairs]" in shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["antonym", "--show"], "no template 'antonym'; did you mean 'antonyms'?"),
        (["antonyms"], "no --out given"),
        (["antonyms", "--out", "a.jsonl"], "no --model given"),
        (["antonyms", "--model", "demo", "--out", "a.csv"], "give a name that ends in .jsonl"),
        (["antonyms", "--model", "demo", "--out", "a.jsonl"], "the tokenizer does not know the words of"),
        (["antonyms", "--model", "demo", "--out", "a.jsonl", "--n", "0"], "n: 0 prompts asked for"),
        (["antonyms", "--model", "demo", "--out", "a.jsonl", "--split", "all"], "split: 'all' is not one of"),
        (["none.toml", "--model", "demo", "--out", "a.jsonl"], "none.toml: cannot be read"),
    ],
)
def test_mistakes_are_one_line(cli: Cli, arguments: list[str], said: str) -> None:
    result = cli("make-prompts", *arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1


def test_an_example_of_every_task_as_a_model_reads_it(cli: Cli) -> None:
    text = cli("list", "tasks", "--model", "demo").out
    assert text.startswith("ioi: right Alex; wrong Ellen\n  clean      Then , Alex   and Ellen went")
    assert "\n\ngreater-than; answers: two-digit tokens: right 55 56 57" in text
    assert "\nantonyms: not for this tokenizer (antonyms: the tokenizer does not know the words of" in text
    entries = json.loads(cli("list", "tasks", "--model", "demo", "--json").out)["entries"]
    assert [entry["task"] for entry in entries] == list(TASKS)
    assert [bool(entry["row"]) for entry in entries] == [not entry["refused"] for entry in entries]
    assert "--model is for `edgewise list tasks`" in cli("list", "metrics", "--model", "demo").err


def test_the_page_names_every_key_and_every_check() -> None:
    from edgewise.runs.data_checks import Measured, check_data, check_scores
    from edgewise.tasks import PromptPair
    from edgewise.tasks.templates import lists, read, read_order, read_slots

    page = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
    of_slots = (*read_slots._OF_DRAWN, *read_slots._OF_NUMBER, *read_slots._OF_DERIVED)
    of_lists = (*lists._CONTENTS, *lists._TRIED, *lists.OWN)
    for key in (*read._KEYS, *of_slots, *of_lists, *read_order._OF_OPTION):
        assert (
            f"`{key}`" in page
            or f"`{key} =" in page
            or f"`[[{key}]]`" in page
            or f" {key} =" in page
            or f"[{key}" in page
        ), key
    measured = Measured(np.array([2.0, 1.0]), np.array([0.0, 0.0]), True, 1.0)
    of_scores = check_scores(np.ones(3), np.ones(3))
    assert of_scores is not None
    for check in (*check_data([PromptPair((1,), (2,), (3,), (4,))] * 2, measured), of_scores):
        limit = f"{check.limit:.0%}".replace("%", " %") + (" or more" if check.least else " or less")
        assert f"| {check.name} |" in page
        _, said, source, do, *_ = map(str.strip, page.split(f"| {check.name} |")[1].split("|"))
        assert (said, source) == ("none" if check.limit == 0 else limit, check.source)
        assert do == re.sub(r"about .* prompts", "as many prompts as it says", check.do)


def test_a_template_is_a_task(cli: Cli, template: Path, tmp_path: Path) -> None:
    """Its circuit is measured on held-out prompts, and another template is another run."""
    out = tmp_path / "run"
    command = ("discover", "--model", "demo", "--task", template, "--n", 8, "--method", "eap", "--no-pictures")
    first = cli(*command, "--out", out)
    assert first.code == 0, first
    assert "demo on mine: 8 prompts, eap, logit-diff" in first.out
    assert "of logit-diff on 8 held-out prompts" in first.out
    made = tmp_path / "prompts.jsonl"
    cli("make-prompts", template, "--model", "demo", "--n", 8, "--out", made)
    of_file = cli("discover", "--model", "demo", "--data", made, "--method", "eap", "--no-pictures", "--out", out / "f")
    assert of_file.out.split("prompts    logit-diff")[1].split("circuit:")[0] in first.out
    assert "Found the finished run" in cli(*command, "--out", out).out
    template.write_text(TEMPLATE.replace('"museum", ', ""))
    refused = cli(*command, "--out", out)
    assert refused.code == 2
    assert "template" in refused.err
    assert "did you mean" not in cli("discover", "--model", "demo", "--task", "none.toml", "--out", out).err
