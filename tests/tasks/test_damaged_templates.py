"""Damaged copies of templates and of the CSV files beside them: read and made prompts of, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from damage import refusals
from edgewise.errors import DataError
from edgewise.tasks import TextEncoder
from edgewise.tasks.templates import read as reading
from edgewise.tasks.templates.draw import draw
from edgewise.tasks.templates.fit import fit
from edgewise.tasks.templates.read import read_template
from tasks.small_tokenizers import word_tokenizer

pytestmark = pytest.mark.slow

SAID = {
    "clean": ["Then {who} gave it to", "Then {who} went to"],
    "answers": " {who.other}",
    "split": "people",
    "slots": {"who": {"list": "people", "corrupt": "resample"}},
    "lists": {"people": {"csv": "people.csv"}},
}
TOML = """
clean = ["Then {who} gave it to", "Then {who} went to"]
answers = " {who.other}"
split = "people"
[slots]
who = { list = "people", corrupt = "resample" }
[lists.people]
csv = "people.csv"
"""
PEOPLE = "who,other\nMary,John\nJohn,Anna\nAnna,Mary\nstore,12\nthe,7\n"


def make(path: Path) -> None:
    encoder = TextEncoder(word_tokenizer())
    template = read_template(path)
    draw(template, fit(template, encoder), encoder, n=1, seed=0, split="discovery")


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.yaml", yaml.safe_dump(SAID))])
def test_every_damage_to_a_template_is_one_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    path = tmp_path / name
    said = refusals(path, text.encode(), lambda: make(path), 150)
    assert [message for message in said if str(path) not in message and not message.startswith("a: ")] == []
    assert len(said) > 15


def test_every_damage_to_a_list_is_one_line(tmp_path: Path) -> None:
    path, people = tmp_path / "a.toml", tmp_path / "people.csv"
    path.write_text(TOML)
    said = refusals(people, PEOPLE.encode(), lambda: make(path), 150)
    assert [message for message in said if str(path) not in message and not message.startswith("a: ")] == []
    assert len(said) > 15


def test_a_file_larger_than_templates_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    with path.open("wb") as file:
        file.truncate(reading._MOST_BYTES + 1)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(DataError, match="larger than any template"):
        read_template(path)
