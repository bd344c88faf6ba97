"""Nothing of another person's text moves, colours or turns what a terminal or a page shows."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.cli import output
from edgewise.cli.main import run
from edgewise.visible import visible

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\b\b\x9b2J\u202egnp.exe\u2066\ud800\r\x00z"


@pytest.mark.parametrize("text", ["plain", "tab\tand\nline", "字 é 👩‍👩‍👧 שלום", "\\x1b is no escape"])
def test_what_can_be_seen_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_escapes_are_pythons() -> None:
    assert visible("\x1b\x9b\u202e\ud800") == "\\x1b\\x9b\\u202e\\ud800"


@given(st.text(st.characters(exclude_categories=())))
def test_no_control_character_and_no_turn_of_direction_is_left(text: str) -> None:
    shown = visible(text)
    turns = {"RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"}
    for letter in shown:
        assert letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(letter) not in turns
    shown.encode("utf-8")


@pytest.mark.parametrize("say", [output.note, output.result, lambda text: output.warn([text])])
def test_all_that_is_printed_is_visible(say, capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    said = "".join(capsys.readouterr())
    assert not set(said) & set("\x1b\x07\b\x9b\u202e\u2066\ud800\r\x00")
    assert "\\x1b[31mred" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["discover", "--model", "demo", "--data", "\x1b]0;title\x07.csv", "--out", "x"],
        ["discover", "--model", "demo\u202e", "--task", "ioi", "--out", "x"],
        ["discover", "--model", "demo", "--task", "\x9b2J", "--out", "x"],
        ["discover", "--model", "demo", "--task", "ioi", "--method", "eap\x1b[1A", "--out", "x"],
        ["show", "\x1b[31m"],
        ["\x1b[31m"],
        ["show", "--\x1b[31m"],
    ],
)
def test_messages_about_hostile_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("edgewise: error: ")
    assert said.count("\n") == 1
    assert not set(said) & set("\x1b\x07\x9b\u202e")
