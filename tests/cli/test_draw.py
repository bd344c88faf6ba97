"""A page after every run, pictures on request, and neither in a run's way."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tiny
from cli.test_bad_input import refused
from edgewise.graph import GraphSpec
from edgewise.report.page.command import command_line
from edgewise.runs.store.folder import load_run
from edgewise.verbs.pictures import DRAWING
from stored import contents, id_rows, save_model, write_rows

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow

PAGE = {"report.html"}
SHOWN = {"circuit.svg", "circuit.png", "scores.svg", "scores.png"} | PAGE
STORED = {"run.json", "scores.safetensors", "circuit.json", "faithfulness.json", "examples.json"}


@pytest.fixture
def command(model: Path, data: Path, tmp_path: Path) -> list[Any]:
    return ["discover", "--model", model, "--data", data, "--out", tmp_path / "run"]


def unexpected(err: str) -> list[str]:
    """Lines beside the warning that random weights know no behaviour."""
    return [line for line in err.splitlines() if "better on clean prompts" not in line]


def test_discover_ends_in_a_page(cli: Cli, command: list[Any]) -> None:
    result = cli(*command)
    assert result.code == 0
    assert unexpected(result.err) == []
    assert set(contents(command[-1])) == STORED | PAGE
    assert f"{command[-1] / 'report.html'}\n" in result.out


def test_a_finished_run_has_its_page_made_only_where_it_is_missing(cli: Cli, command: list[Any]) -> None:
    cli(*command)
    first = contents(command[-1])
    times = {path.name: path.stat().st_mtime_ns for path in command[-1].iterdir()}
    assert cli(*command).code == 0
    assert {path.name: path.stat().st_mtime_ns for path in command[-1].iterdir()} == times
    (command[-1] / "report.html").unlink()
    assert cli(*command).code == 0
    assert contents(command[-1]) == first


def test_overwrite_makes_it_again_and_takes_pictures_away(cli: Cli, command: list[Any]) -> None:
    cli(*command)
    cli("draw", command[-1])
    (command[-1] / "report.html").write_text("mine")
    cli(*command)
    assert (command[-1] / "report.html").read_text() == "mine"
    cli(*command, "--overwrite")
    assert (command[-1] / "report.html").read_text().startswith("<!doctype html>")
    assert set(contents(command[-1])) == STORED | PAGE


def test_no_page_on_request(cli: Cli, command: list[Any]) -> None:
    result = cli(*command, "--no-pictures")
    assert set(contents(command[-1])) == STORED
    assert "report.html" not in result.out
    assert result.out.endswith(f"\n\nWrote {command[-1]}\n")
    cli(*command)
    assert set(contents(command[-1])) == STORED | PAGE


def test_a_kill_before_the_page_loses_nothing(cli: Cli, command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgewise.report.page.page.page", killed)
    assert cli(*command).code == 130
    assert set(contents(command[-1])) == STORED
    monkeypatch.undo()
    again = cli(*command)
    assert "Found the finished run in" in again.out
    assert set(contents(command[-1])) == STORED | PAGE


def test_draw_adds_pictures_and_makes_the_same_page(cli: Cli, command: list[Any]) -> None:
    cli(*command)
    first = contents(command[-1])
    result = cli("draw", command[-1])
    assert result.code == 0
    assert unexpected(result.err) == []
    drawn = contents(command[-1])
    assert {name: drawn[name] for name in first} == first
    assert set(drawn) == STORED | SHOWN
    assert result.out.splitlines()[0] == "drew 100 of the circuit's 100 edges"
    assert {Path(line).name for line in result.out.splitlines()[1:]} == SHOWN


def test_draw_elsewhere_with_fewer_edges(cli: Cli, command: list[Any], tmp_path: Path) -> None:
    cli(*command, "--top", 30, "--no-pictures")
    before = contents(command[-1])
    result = cli("draw", command[-1], "--strongest", 4, "--format", "svg", "--out", tmp_path / "new" / "figures")
    assert result.code == 0
    drawn = contents(tmp_path / "new" / "figures")
    assert set(drawn) == {"circuit.svg", "scores.svg", "report.html"}
    assert drawn["circuit.svg"].count(b'class="edge ') == 4
    assert contents(command[-1]) == before


def test_draw_as_json(cli: Cli, command: list[Any]) -> None:
    cli(*command, "--top", 30, "--no-pictures")
    said = json.loads(cli("draw", command[-1], "--strongest", 4, "--json").out)
    assert (said["drawn"], said["edges"]) == (4, 30)
    assert {Path(path).name for path in said["files"]} == SHOWN
    assert all(Path(path).is_file() for path in said["files"])


def test_of_too_many_edges_the_strongest_are_drawn_and_the_output_says_so(cli: Cli, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "wide", tiny.gpt2(n_head=8))
    data = write_rows(tmp_path / "rows.jsonl", id_rows(3))
    command = ["discover", "--model", folder, "--data", data, "--out", tmp_path / "run", "--top", 320]
    result = cli(*command, "--json")
    assert json.loads(result.out)["run"]["counts"]["circuit_edges"] == 320
    result = cli("draw", tmp_path / "run")
    assert "the picture shows the 300 strongest of 320 edges" in result.err
    assert (tmp_path / "run" / "circuit.svg").read_text().count('class="edge ') == 300
    assert cli("draw", tmp_path / "run", "--strongest", 320).err == ""
    assert (tmp_path / "run" / "circuit.svg").read_text().count('class="edge ') == 320


@pytest.mark.parametrize("family", ["llama-grouped", "gpt-neox-parallel"])
@pytest.mark.parametrize("level", ["edge", "node"])
def test_other_shapes_of_model(cli: Cli, data: Path, tmp_path: Path, family: str, level: str) -> None:
    folder = save_model(tmp_path / "model", tiny.FAMILIES[family]())
    command = ["discover", "--model", folder, "--data", data, "--out", tmp_path / "run", "--top", 10]
    result = cli(*command, "--level", level)
    assert result.code == 0
    assert unexpected(result.err) == []
    assert set(contents(tmp_path / "run")) == STORED | PAGE
    assert cli("draw", tmp_path / "run", "--format", "svg").code == 0
    assert isinstance(load_run(tmp_path / "run").circuit.graph.spec, GraphSpec)


def test_the_command_on_the_page_asks_for_the_same_run(cli: Cli, command: list[Any]) -> None:
    cli(*command, "--top", 7, "--dtype", "float64", "--no-bos", "--n", 3, "--no-pictures")
    line = command_line(load_run(command[-1]).config, str(command[-1]))
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "edgewise"
    assert "Found the finished run in" in cli(*words[1:], "--no-pictures").out


def test_dark_pictures_on_request_go_when_the_run_is_replaced(cli: Cli, command: list[Any]) -> None:
    cli(*command)
    cli("draw", command[-1])
    light = contents(command[-1])["scores.png"]
    assert cli("draw", command[-1], "--format", "png-dark").code == 0
    dark = {"circuit-dark.png", "scores-dark.png"}
    assert set(contents(command[-1])) == STORED | SHOWN | dark
    assert contents(command[-1])["scores-dark.png"] != light
    cli(*command, "--overwrite")
    assert set(contents(command[-1])) == STORED | PAGE


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--format", "pgn"], ["unknown format 'pgn'", "did you mean 'png'?", "svg, png"]),
        (["--strongest", "0"], ["--strongest is '0'", "edgewise draw --help"]),
        (["--tops", "3"], ["No such option: --tops"]),
    ],
)
def test_wrong_arguments(cli: Cli, command: list[Any], arguments: list[str], parts: list[str]) -> None:
    cli(*command, "--no-pictures")
    refused(cli("draw", command[-1], *arguments), *parts)
    assert set(contents(command[-1])) == STORED


def test_nothing_to_draw(cli: Cli, tmp_path: Path) -> None:
    refused(cli("draw", tmp_path / "none"), "no such run folder", "--out")
    refused(cli("draw", tmp_path), "holds no run")
    (tmp_path / "file").touch()


def test_a_file_where_the_pictures_should_go(cli: Cli, command: list[Any], tmp_path: Path) -> None:
    cli(*command, "--no-pictures")
    (tmp_path / "file").touch()
    refused(cli("draw", command[-1], "--out", tmp_path / "file"), str(tmp_path / "file"))


def test_a_real_process_loads_no_model_library_and_says_nothing_of_fonts(
    cli: Cli, command: list[Any], tmp_path: Path
) -> None:
    """matplotlib comes late and without windows; it cannot keep its cache where it wants to, so it looks for fonts."""
    cli(*command, "--no-pictures")
    code = (
        "import sys;"
        "from edgewise.cli.main import run; early = 'matplotlib' in sys.modules; code = run(sys.argv[1:]);"
        "late = ('matplotlib.figure', 'matplotlib.pyplot', 'transformers');"
        "print(code, early, *(name in sys.modules for name in late))"
    )
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-c", code, "draw", str(command[-1])],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "file" / "none")},
    )
    assert done.stdout.splitlines()[-1] == "0 False True False False"
    # A slow machine is told how far it is.
    assert [line for line in done.stderr.splitlines() if not line.startswith(f"edgewise: {DRAWING}")] == []
