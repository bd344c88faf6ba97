"""What is measured of a run, at once or later, is on its page as in the text and the JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgewise.errors import RunConflictError
from shown_page import document, said

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture
def command(model: Path, data: Path, tmp_path: Path) -> list[Any]:
    """So few edges that no path leads through them."""
    return ["discover", "--model", model, "--data", data, "--top", 2, "--out", tmp_path / "run"]


def of(folder: Path) -> dict[str, Any]:
    """What a run's page shows of it."""
    (found,) = document((folder / "report.html").read_text(encoding="utf-8"))["runs"]
    return dict(found)


def test_faithfulness_and_notes_are_everywhere(cli: Cli, command: list[Any]) -> None:
    text = cli(*command).out
    shown = json.loads(cli("show", command[-1], "--json").out)
    assert len(shown["notes"]) >= 1
    assert shown["notes"][0].startswith("no path of the circuit's edges leads from input to logits")
    assert "nodes, no path from input to logits\nfaithfulness: " in text
    for note in shown["notes"]:
        assert f"\nnote: {note}\n" in text
        assert note in said(command[-1])
    number = f"{shown['faithfulness']['faithfulness']:.4f}"
    assert f"faithfulness: {number.replace('-0.0000', '0.0000')} (stderr " in text
    assert cli("show", command[-1]).out in text
    stored = json.loads((command[-1] / "faithfulness.json").read_text())
    assert stored["notes"] == shown["notes"]
    assert stored["path"] is False


def test_without_it_the_text_says_how_to_get_it(cli: Cli, command: list[Any]) -> None:
    text = cli(*command, "--no-evaluate").out
    assert f"faithfulness: not measured; `edgewise evaluate {command[-1]}` does" in text
    assert "note: no path of the circuit's edges" in text
    shown = json.loads(cli("show", command[-1], "--json").out)
    assert shown["faithfulness"] is None
    assert shown["notes"] == shown["run"]["notes"] != []
    assert "--no-evaluate" in of(command[-1])["command"]
    assert "not measured" not in cli(*command).out
    assert "--no-evaluate" not in of(command[-1])["command"]


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
    found = of(command[-1])
    assert (found["since"], found["verified"], len(found["curves"])) == ([], None, 1)
    evaluated = cli("evaluate", command[-1], "--random", 0)
    notes = json.loads((command[-1] / "evaluation-resample.json").read_text())["notes"]
    assert notes
    assert all(f"note: {note}" in evaluated.out and note in said(command[-1]) for note in notes)
    assert "edges, not pruned, no path from input to logits" in evaluated.out
    cli("verify", command[-1], "--edges", 60)
    verification = json.loads((command[-1] / "verification.json").read_text())
    assert verification["verdict"] in said(command[-1])
    found = of(command[-1])
    assert [name for name, _ in found["since"] if name != "note"] == ["evaluation, resample", "verification"]
    assert found["verified"]["names"] == [effect["name"] for effect in verification["effects"]]
    assert {curve["name"] for curve in found["curves"]} == {"evaluation, resample", "the circuit"}


def test_a_comparison_comes_onto_the_pages_of_its_runs_and_stays(cli: Cli, command: list[Any], tmp_path: Path) -> None:
    cli(*command)
    other, out = tmp_path / "other", tmp_path / "compared"
    cli(*command[:-1], other, "--method", "eap")
    assert cli("compare", command[-1], other, "--random", 0, "--out", out).code == 0
    for folder in (command[-1], other):
        (found,) = document((folder / "report.html").read_text())["comparisons"]
        assert [row[1] for row in found["rows"]] == [str(command[-1]), str(other)]
    both = document((out / "report.html").read_text())
    assert [run["folder"] for run in both["runs"]] == ["run", "other"]
    assert len(both["comparisons"]) == 1
    cli("draw", other, "--format", "svg")
    assert len(document((other / "report.html").read_text())["comparisons"]) == 1
    (out / "comparison.json").write_text("{")
    assert cli("draw", other, "--format", "svg").code == 0
    assert document((other / "report.html").read_text())["comparisons"] == []
    cli(*command[:-1], other, "--method", "eap", "--overwrite")
    assert not (other / "beside.json").exists()


def test_a_run_that_is_being_written_is_compared_all_the_same(
    cli: Cli, command: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(*command, "--method", "eap")
    cli(*command[:-1], tmp_path / "other", "--method", "eap", "--top", 5)

    def held(folder: Path, result: Path) -> None:
        raise RunConflictError("another process is writing")

    monkeypatch.setattr("edgewise.verbs.pictures.put_beside", held)
    result = cli("compare", command[-1], tmp_path / "other", "--random", 0, "--out", tmp_path / "compared")
    assert result.code == 0
    assert f"the page of {command[-1]} does not show comparison.json: another process is writing" in result.err
    assert len(document((tmp_path / "compared" / "report.html").read_text())["comparisons"]) == 1
    assert document((command[-1] / "report.html").read_text())["comparisons"] == []


def test_methods_against_a_circuit_have_a_page_of_their_own(cli: Cli, tmp_path: Path) -> None:
    asked = ("roc", "--model", "planted:3", "--task", "planted", "--n", 5, "--methods", "eap,acdc:task")
    cli(*asked, "--taus", "0.01,1", "--out", tmp_path / "roc")
    found = document((tmp_path / "roc" / "report.html").read_text())
    assert [run["folder"] for run in found["runs"]] == ["eap"]
    (roc,) = found["rocs"]
    assert [line["label"] for line in roc["lines"]] == ["EAP", "ACDC, task metric"]
    assert roc["lines"][0]["points"][-1] == [1.0, 1.0]
    assert len(roc["lines"][1]["points"]) == 2
