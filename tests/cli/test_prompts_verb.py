"""`edgewise prompts`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shown_page import document
from stored import write_rows

if TYPE_CHECKING:
    from cli.conftest import Cli

ROW = {
    "clean": "Then Mary gave it to",
    "corrupted": "Then Anna gave it to",
    "answers": " Mary",
    "wrong_answers": " Anna",
}


def test_prompts_are_shown_as_text_and_as_json(cli: Cli, text_model: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [ROW, ROW | {"wrong_answers": " John"}, ROW])
    command = ["prompts", "--model", text_model, "--data", data, "--rows", 2]
    text = cli(*command).out
    assert text.startswith(f"{text_model} on rows: 3 prompts, no BOS in front\n\nrow 1: right Mary; wrong Anna\n")
    assert "clean      Then Mary gave it to\n" in text
    assert "row 3" not in text.split("3 prompts of")[0]
    assert "3 prompts of 5 tokens; clean and corrupted differ in 1 token, at position 1\n" in text
    document = json.loads(cli(*command, "--json").out)
    said = document["prompts"]
    assert (said["n"], said["shown"]["answer"]["compared"], len(said["shown"]["rows"])) == (3, 3, 2)
    assert said["shown"]["rows"][1]["wrong_answers"]["texts"] == ["John"]
    assert f"prefers the right answer in {said['shown']['answer']['right']} of 3" in text


def test_without_weights_the_model_says_nothing(cli: Cli, text_model: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [ROW])
    result = cli("prompts", "--model", text_model, "--data", data, "--no-weights")
    assert result.code == 0
    assert "row 1: right Mary; wrong Anna" in result.out
    assert "prefers" not in result.out


def test_mistakes_are_named_with_all_their_rows(cli: Cli, text_model: Path, tmp_path: Path) -> None:
    data = write_rows(
        tmp_path / "rows.jsonl",
        [ROW, ROW | {"answers": " Mary", "wrong_answers": " Mary it"}, ROW | {"corrupted": "it"}],
    )
    result = cli("prompts", "--model", text_model, "--data", data)
    assert result.code == 2
    assert "2 of 3 rows cannot be used: row 2, answers: " in result.err
    assert "row 3, corrupted: 1 tokens where clean has 5" in result.err
    assert "give answers of which none continues another" in result.err


def test_a_run_shows_its_first_prompt_and_keeps_the_choice_of_first_tokens(
    cli: Cli, text_model: Path, tmp_path: Path
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [ROW | {"answers": " Mary John"}] * 2)
    command = ["discover", "--model", text_model, "--data", data, "--first-token", "--method", "eap"]
    text = cli(*command, "--out", tmp_path / "run").out
    assert "row 1: right Mary; wrong Anna\n" in text
    assert "2 prompts of 5 tokens" in text
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"]["first_token"] is True
    assert record["prompts"]["shown"]["rows"][0]["answers"]["texts"] == ["Mary"]
    against = record["prompts"]["shown"]["against"]
    assert against == ([] if record["metric"]["clean"] > 0 else [1, 2]), "both rows are the same"
    (page,) = document((tmp_path / "run" / "report.html").read_text())["runs"]
    assert page["prompts"]["shown"][0]["right"] == ["Mary"]
    assert page["prompts"]["rows"] == [1, 2]
    assert "--first-token" in page["command"]
