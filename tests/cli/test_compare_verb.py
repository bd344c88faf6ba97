"""`edgewise compare` as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgewise.cli.progress import ShownProgress

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow

DISCOVER = ("discover", "--model", "planted:0", "--task", "planted", "--n", 6, "--no-pictures")
PROBING = ("--method", "subnetwork-probing", "--lambda", 1, "--steps", 3, "--lr", 0.1)


@pytest.fixture
def runs(cli: Cli, tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "eap", tmp_path / "sp", tmp_path / "hisp"]
    for folder, method in zip(
        folders, (("--method", "eap", "--top", 20), PROBING, ("--method", "hisp", "--metric", "kl")), strict=True
    ):
        assert cli(*DISCOVER, *method, "--out", folder).code == 0
    return folders


def test_tables_pictures_and_json(cli: Cli, runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = cli("compare", *runs, "--random", 1, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert "3 runs of planted:0, 198 edges, evaluated on 6 held-out prompts of planted by logit-diff" in result.out
    assert "found by different metrics (1: logit-diff; 2: kl; 3: kl)" in result.out
    rows = [line.split() for line in result.out.splitlines()]
    costs = {row[1]: row for row in rows if len(row) > 2 and row[0] in "123" and row[1].startswith("/")}
    assert " ".join(costs[str(runs[0])][-6:-1]) == "2 F + 1 B"
    assert " ".join(costs[str(runs[1])][-6:-1]) == "5 F + 3 B"
    for title in ("Overlap of circuits (Jaccard)", "Rank correlation of |score|", "Faithfulness of the best edges"):
        assert title in result.out
    assert result.out.endswith(f"Wrote {out / 'comparison.json'}\n")
    assert {"comparison.json", "comparison.svg", "comparison.png"} <= {path.name for path in out.iterdir()}
    again = cli("compare", *runs, "--random", 1, "--out", out)
    assert again.out == result.out.replace("Wrote ", "Found the finished comparison in ")
    said = json.loads(cli("compare", *runs, "--random", 1, "--out", out, "--json").out)
    assert said["reused"] is True
    assert [run["method"] for run in said["runs"]] == ["eap", "subnetwork-probing", "hisp"]
    assert len(said["overlap"]) == len(said["rank_correlation"]) == len(said["both_scored"]) == 3


def test_errors_are_one_line(cli: Cli, runs: list[Path], tmp_path: Path) -> None:
    for arguments, words in (
        ((runs[0], "--out", tmp_path / "out"), "give 2 to 12"),
        ((*runs[:2], "--ablation", "men", "--out", tmp_path / "out"), "men"),
        (runs[:2], "--out"),
        ((*runs[:2], "--n", 0, "--out", tmp_path / "out"), "n is 0; give at least 1"),
    ):
        result = cli("compare", *arguments)
        assert result.code == 2
        assert words in result.err
        assert len(result.err.splitlines()) == 1


def test_one_run_against_a_circuit(cli: Cli, tmp_path: Path) -> None:
    """As text, as JSON and on the page; what is asked for is part of the comparison."""
    run = tmp_path / "eap"
    assert cli(*DISCOVER, "--method", "eap", "--top", 20, "--out", run).code == 0
    command = ("compare", run, "--circuit", "known", "--random", 0, "--out", tmp_path / "out")
    result = cli(*command)
    assert (result.code, result.err) == (0, "")
    assert "1 run of planted:0, 198 edges, evaluated on 6 held-out prompts" in result.out
    assert "Against the planted circuit of planted:0\n#  overlap" in result.out
    assert "Overlap of circuits" not in result.out
    said = json.loads(cli(*command, "--json").out)
    (found,) = said["known"]["runs"]
    assert found["ranked"]["candidates"] == 198
    (row,) = re.findall(r"^1 .* of \d+ .* of \d+ +(\S+) +(\S+)$", result.out, re.MULTILINE)
    assert row == tuple(f"{found['ranked'][name]:.4f}" for name in ("auroc", "average_precision"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"AUROC {found['ranked']['auroc']:.3f}" in page
    names = tmp_path / "names.json"
    names.write_text(json.dumps(["input->a0.h0<q>"]))
    other = cli(*command[:2], "--circuit", names, *command[4:])
    assert other.code != 0
    assert "held against is" in other.err
    assert "198 edges, 1 of them known" in cli(*command[:2], "--circuit", names, *command[4:], "--overwrite").out
    for wrong, words in (("knwon", "'knwon' names no circuit; give known"), ("known:ioi/gpt2", "another shape")):
        refused = cli(*command[:2], "--circuit", wrong, *command[4:])
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert words in refused.err


def test_methods_are_listed(cli: Cli) -> None:
    said = cli("list", "methods").out
    for name in ("hisp", "subnetwork-probing", "random"):
        assert f"\n{name}" in said
    assert "3.5 x   eap+exact   the default" in said
    advice = json.loads(cli("list", "methods", "--json").out)["advice"]
    assert [one["method"] for one in advice] == ["eap", "secant-mid", "eap+exact"]


@pytest.mark.parametrize("verb", ["compare", "evaluate", "verify", "roc", "league"])
def test_drawing_is_said_to_whoever_waits(verb: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, out = [tmp_path / "a", tmp_path / "b"], ("--out", tmp_path / "out")
    for run in runs:
        assert cli(*DISCOVER[:-1], "--method", "eap", "--no-evaluate", "--out", run).code == 0
    arguments = {
        "compare": (*runs, "--random", 1, *out),
        "evaluate": (runs[0], "--random", 1),
        "verify": (runs[0], "--edges", 20),
        "roc": ("--model", "planted:0", "--task", "planted", "--n", 6, "--methods", "eap", *out),
        "league": ("--models", "planted:0", "--tasks", "planted", "--n", 6, "--methods", "eap", *out),
    }[verb]
    said: list[str] = []
    monkeypatch.setattr(ShownProgress, "__call__", lambda self, progress: said.append(progress.step))
    assert cli(verb, *arguments).code == 0
    assert said[-1] == ("drawing pictures" if verb == "league" else "making the page")
    assert len(said) > 1
