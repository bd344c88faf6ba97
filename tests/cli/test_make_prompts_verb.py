"""`edgewise make-prompts`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
        (["none.toml", "--model", "demo", "--out", "a.jsonl"], "none.toml: cannot be read"),
    ],
)
def test_mistakes_are_one_line(cli: Cli, arguments: list[str], said: str) -> None:
    result = cli("make-prompts", *arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
