"""What the verbs print: text for people, one JSON document for programs, help that ends in examples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgewise.metrics import METRICS
from edgewise.models.catalogue import KNOWN
from edgewise.models.families import FAMILIES
from edgewise.runs.methods import method_names
from edgewise.tasks import TASKS
from stored import contents

if TYPE_CHECKING:
    from cli.conftest import Cli

VERBS = ("discover", "draw", "evaluate", "list", "prompts", "select", "show", "verify", "check")


@pytest.fixture
def command(model: Path, data: Path, tmp_path: Path) -> list[Any]:
    return ["discover", "--model", model, "--data", data, "--out", tmp_path / "run"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_in_examples(cli: Cli, verb: str) -> None:
    result = cli(verb, "--help")
    assert result.code == 0
    text = result.out.split("Examples:")[1]
    examples = [line for line in text.splitlines() if line.strip().startswith("edgewise")]
    assert len(examples) >= 3
    assert all(f"edgewise {verb} " in line for line in examples)
    assert "╭" not in text  # nothing comes after them


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_without_a_verb_the_verbs_are_listed(cli: Cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert result.code == 0
    assert all(verb in result.out for verb in VERBS)


def test_version(cli: Cli) -> None:
    assert cli("--version").out == "edgewise 0.1.0\n"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("models", tuple(KNOWN)),
        ("tasks", TASKS.names()),
        ("metrics", METRICS.names()),
        ("methods", method_names()),
    ],
)
def test_list(cli: Cli, kind: str, names: tuple[str, ...]) -> None:
    text = cli("list", kind)
    assert text.code == 0
    assert [line.split()[0] for line in text.out.splitlines()[1 : 1 + len(names)]] == list(names)
    said = json.loads(cli("list", kind, "--json").out)
    assert said["kind"] == kind
    assert [entry["name"] for entry in said["entries"]] == list(names)
    assert all(len(entry["summary"]) > 5 for entry in said["entries"])


def test_the_verified_classes_are_listed(cli: Cli) -> None:
    text = cli("list", "models").out.split("verified classes works too:")[1]
    assert [line.split()[0] for line in text.splitlines() if "For" in line or "LMHead" in line] == sorted(FAMILIES)
    said = json.loads(cli("list", "models", "--json").out)["classes"]
    assert {entry["name"] for entry in said} == set(FAMILIES)


def test_discover_says_what_it_found_and_where(cli: Cli, command: list[Any]) -> None:
    result = cli(*command, "--top", 3)
    assert result.code == 0
    # Its weights are random, and the run says so.
    assert "logit-diff is hardly better on clean prompts" in result.err
    assert len(result.err.splitlines()) == 1
    assert "circuit: 3 of 262 edges" in result.out
    assert "7 prompts, eap-secant, logit-diff" in result.out
    assert result.out.endswith(f"Wrote {command[-1]}\n")
    rows = [line.split() for line in result.out.splitlines() if line[:2].strip().isdigit() and "->" in line]
    assert [row[-1] for row in rows] == ["yes"] * 3 + ["no"] * 17
    assert [abs(float(row[2])) for row in rows] == sorted((abs(float(row[2])) for row in rows), reverse=True)


def test_a_finished_run_is_shown_again(cli: Cli, command: list[Any]) -> None:
    first = cli(*command)
    before = contents(command[-1])
    again = cli(*command)
    assert again.code == 0
    assert again.out == first.out.replace("Wrote ", "Found the finished run in ")
    assert contents(command[-1]) == before


def test_show_prints_the_run(cli: Cli, command: list[Any]) -> None:
    found = cli(*command)
    shown = cli("show", command[-1])
    assert shown.code == 0
    assert found.out.startswith(shown.out)
    assert "clean" in shown.out
    assert "corrupted" in shown.out
    top = cli("show", command[-1], "--rows", 4)
    assert len([line for line in top.out.splitlines() if line[:1].isdigit() and "->" in line]) == 4


def test_json_is_one_document_and_nothing_else(cli: Cli, command: list[Any]) -> None:
    result = cli(*command, "--json")
    said = json.loads(result.out)
    assert said["reused"] is False
    assert said["run"] == json.loads((command[-1] / "run.json").read_text())
    assert len(said["edges"]) == 20
    assert [edge["in_circuit"] for edge in said["edges"]] == [True] * 2 + [False] * 18
    spread = {"stderr", "mean_abs", "low", "high"}
    assert set(said["edges"][0]) == {"name", "score", *spread, "in_circuit", "verified", "estimated"}
    again = json.loads(cli(*command, "--json").out)
    assert again == said | {"reused": True}
    shown = json.loads(cli("show", command[-1], "--json", "--rows", 262).out)
    assert len(shown["edges"]) == 262
    assert shown["edges"][:20] == said["edges"]


def test_json_has_null_where_there_is_no_number(cli: Cli, command: list[Any]) -> None:
    said = json.loads(cli(*command, "--n", 1, "--json").out)
    assert said["run"]["metric"]["clean_stderr"] is None
    assert said["edges"][0]["stderr"] is None


def test_nodes(cli: Cli, command: list[Any]) -> None:
    said = json.loads(cli(*command, "--level", "node", "--top", 5, "--json").out)
    assert len(said["nodes"]) == 16
    assert sum(node["in_circuit"] for node in said["nodes"]) <= 5
    assert all("->" not in node["name"] for node in said["nodes"])


def test_every_option_reaches_the_run(cli: Cli, command: list[Any]) -> None:
    options = ["--n", 4, "--seed", 2, "--method", "eap", "--metric", "log-prob", "--fraction", 0.1]
    options += ["--by", "mean-abs", "--greedy", "--prune", "--dtype", "float64", "--batch-size", 3]
    options += ["--per-prompt", "--drop-invalid", "--no-bos", "--split", "held-out", "--ignore-config", "x"]
    config = json.loads(cli(*command, *options, "--json").out)["run"]["config"]
    expected = {
        "n": 4,
        "seed": 2,
        "metric": "log-prob",
        "dtype": "float64",
        "batch_size": 3,
        "per_prompt": True,
        "drop_invalid": True,
        "bos": False,
        "split": "held-out",
        "ignore_config": ["x"],
    }
    assert {name: config[name] for name in expected} == expected
    rule = {
        "top": None,
        "threshold": None,
        "fraction": 0.1,
        "keep": None,
        "max_kl": None,
        "by": "mean-abs",
        "greedy": True,
        "prune": True,
        "stable": False,
    }
    assert config["selection"] == rule


def test_task_options_are_numbers_or_words() -> None:
    from edgewise.settings.texts import read_options

    given = ["order=abba", "count=3", "share=0.5", "exact=true", "names=[1, 2]", "empty=", "text=a=b"]
    assert read_options(given) == {
        "order": "abba",
        "count": 3,
        "share": 0.5,
        "exact": True,
        "names": [1, 2],
        "empty": "",
        "text": "a=b",
    }


def test_overwrite(cli: Cli, command: list[Any]) -> None:
    assert cli(*command).code == 0
    result = cli(*command, "--metric", "prob-diff", "--overwrite")
    assert result.code == 0
    assert json.loads(cli("show", command[-1], "--json").out)["run"]["metric"]["name"] == "prob-diff"


def test_an_interrupt_says_how_to_go_on(cli: Cli, command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgewise.attribution.loop._step", interrupted)
    result = cli(*command)
    assert result.code == 130
    assert result.out == ""
    assert result.err == "edgewise: interrupted; start the same command again to go on from here\n"


@dataclass(frozen=True)
class CheckRow:
    name: str
    passed: bool
    error: float
    tolerance: float
    detail: str


def test_check_of_a_sound_model_passes(cli: Cli, model: Path) -> None:
    result = cli("check", model)
    assert result.code == 0, result
    assert "FAIL" not in result.out
    assert len(result.out.splitlines()) >= 4
    assert result.out.splitlines()[-1].startswith(f"Scores and patched runs of {model} in float32 can be trusted: all")
    said = json.loads(cli("check", model, "--json").out)
    assert said["passed"] is True
    assert said["verdict"] in result.out
    assert all(row["error"] <= row["tolerance"] for row in said["rows"])


def test_check_of_an_unsound_model_fails_with_exit_code_1(
    cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        CheckRow("sources sum", True, 1e-7, 1e-5, "fine"),
        CheckRow("all patched", False, 0.3, 1e-5, "m1"),
    ]
    monkeypatch.setattr("edgewise.engine.check.check_model", lambda *_, **__: rows)
    result = cli("check", model)
    assert result.code == 1
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[1].split() == ["sources", "sum", "pass", "1.0e-07", "1.0e-05", "fine"]
    assert lines[2].split() == ["all", "patched", "FAIL", "3.0e-01", "1.0e-05", "m1"]
    assert lines[-1] == f"Do not trust scores or patched runs of {model} in float32: 'all patched' failed."
    said = json.loads(cli("check", model, "--json").out)
    assert said["passed"] is False
    assert said["rows"][1]["error"] == 0.3
