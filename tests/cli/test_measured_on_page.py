"""What is measured of a run, at once or later, is on its page as in the text and the JSON document."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture
def command(model: Path, data: Path, tmp_path: Path) -> list[Any]:
    """So few edges that no path leads through them."""
    return ["discover", "--model", model, "--data", data, "--top", 2, "--out", tmp_path / "run"]


def page(folder: Path) -> str:
    return html.unescape((folder / "report.html").read_text())


def test_faithfulness_and_notes_are_everywhere(cli: Cli, command: list[Any]) -> None:
    text = cli(*command).out
    said = json.loads(cli("show", command[-1], "--json").out)
    assert len(said["notes"]) >= 1
    assert said["notes"][0].startswith("no path of the circuit's edges leads from input to logits")
    assert "nodes, no path from input to logits\nfaithfulness: " in text
    for note in said["notes"]:
        assert f"\nnote: {note}\n" in text
        assert note in page(command[-1])
    shown = f"{said['faithfulness']['faithfulness']:.4f}"
    assert f"faithfulness: {shown.replace('-0.0000', '0.0000')} (stderr " in text
    assert cli("show", command[-1]).out in text
    stored = json.loads((command[-1] / "faithfulness.json").read_text())
    assert stored["notes"] == said["notes"]
    assert stored["path"] is False


def test_without_it_the_text_says_how_to_get_it(cli: Cli, command: list[Any]) -> None:
    text = cli(*command, "--no-evaluate").out
    assert f"faithfulness: not measured; `edgewise evaluate {command[-1]}` does" in text
    assert "note: no path of the circuit's edges" in text
    said = json.loads(cli("show", command[-1], "--json").out)
    assert said["faithfulness"] is None
    assert said["notes"] == said["run"]["notes"] != []
    assert "--no-evaluate" in page(command[-1]).split("The same run again")[1]
    assert "not measured" not in cli(*command).out
    assert "--no-evaluate" not in page(command[-1]).split("The same run again")[1].split("--out")[0]


def test_a_measurement_that_fails_is_a_warning(cli: Cli, command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from edgewise.errors import ScoreError

    def fails(*_: Any, **__: Any) -> None:
        raise ScoreError("'kl' of a prompt is not finite")

    monkeypatch.setattr("edgewise.runs.faithfulness.evaluate", fails)
    result = cli(*command)
    assert result.code == 0
    last = result.err.splitlines()[-1]
    assert last.startswith("edgewise: warning: the scores are stored, but the faithfulness of the circuit could not be")
    assert last.endswith("'kl' of a prompt is not finite")


def test_what_is_measured_later_comes_onto_the_page(cli: Cli, command: list[Any]) -> None:
    cli(*command)
    assert "What was measured since" not in page(command[-1])
    evaluated = cli("evaluate", command[-1], "--random", 0)
    notes = json.loads((command[-1] / "evaluation-resample.json").read_text())["notes"]
    assert notes
    assert all(f"note: {note}" in evaluated.out and note in page(command[-1]) for note in notes)
    assert "edges, not pruned, no path from input to logits" in evaluated.out
    cli("verify", command[-1], "--edges", 60)
    verdict = json.loads((command[-1] / "verification.json").read_text())["verdict"]
    assert verdict in page(command[-1])
    assert "evaluation, resample" in page(command[-1])
