"""What `edgewise league` prints and stores, on planted models and on the demo model."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow

PLANTED = ("league", "--models", "planted:3", "--n", 4, "--methods", "eap,random")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "league"


def test_planted(cli: Cli, out: Path) -> None:
    result = cli(*PLANTED, "--out", out)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Planted models: 1 planted model; mean, and the worst"
    assert lines[1].split() == ["method", "cost", "Pearson", "CMD", "AUROC"]
    stored = json.loads((out / "league.json").read_text())
    for line, one in zip(lines[2:4], stored["standings"]["planted"], strict=False):
        name, cost, _, *numbers = line.split()
        assert (name, float(cost)) == (one["name"], one["cost"])
        shown = ("pearson", "cmd", "auroc")
        assert numbers == [f"{one[measure][which]:.2f}" for measure in shown for which in ("mean", "worst")]
    assert lines[4].startswith("activation-patching (reference)")
    assert result.out.endswith(f"Picture: {out / 'league.svg'}\nWrote {out / 'league.json'}\n")
    ET.fromstring((out / "league.svg").read_text())
    assert all((out / f"league{end}.png").is_file() for end in ("", "-dark"))
    document = json.loads(cli(*PLANTED, "--json", "--out", out).out)
    assert (document.pop("schema"), document.pop("folder")) == ("edgewise-league/1", str(out))
    assert document == stored


def test_planted_and_compiled_models_are_two_tables(cli: Cli, out: Path) -> None:
    asked = ("--models", "planted:3,compiled:seen", "--methods", "secant", "--n", 3)
    lines = cli("league", *asked, "--out", out).out.splitlines()
    assert "Planted models: 1 planted model; mean, and the worst" in lines
    at = lines.index("Compiled models: 1 compiled model; mean, and the worst")
    assert lines[at + 2].split()[-2:] == ["1.00", "1.00"]
    assert list(json.loads((out / "league.json").read_text())["standings"]) == ["planted", "compiled"]


def test_demo(cli: Cli, out: Path) -> None:
    """A table a task; the advice takes what is better than all that cost less."""
    asked = ("--models", "demo", "--tasks", "ioi", "--methods", "random,eap-secant", "--n", 2)
    result = cli("league", *asked, "--out", out)
    assert (result.code, result.err) == (0, "")
    head, header, random, mixed, exact, *_ = result.out.splitlines()
    assert head == "demo on ioi: 2 prompts, logit-diff, 479 edges"
    assert header.split()[:4] == ["method", "passes", "cost", "seconds"]  # no EAP to measure time by
    assert random.split()[:5] == ["random", "2", "F", "0.5", "x"]
    assert mixed.split()[:8] == ["eap-secant", "3", "F", "+", "2", "B", "1.75", "x"]
    (cell,) = json.loads((out / "league.json").read_text())["cells"]
    assert cell["truth"] is None
    measured = cell["entries"][1]
    numbers = [measured["agreement"][name]["value"] for name in ("pearson", "spearman_of_sizes", "spearman", "recall")]
    assert mixed.split()[9:13] == [f"{number:.3f}" for number in numbers]
    assert set(exact.split()[-7:-1]) == {"1.000"}
    assert "1.75 x  eap-secant" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "eap,sekant"), "unknown method 'sekant'; did you mean 'secant'?"),
        (("--methods", "eap,,secant"), "--methods 'eap,,secant' has an empty name in it"),
        (("--tasks", "ioi"), "model 'planted:3' can be asked none of ioi"),
        (("--models", "planted:x"), "planted:x"),
        (("--n", 0), "n is 0"),
    ],
)
def test_bad_input(cli: Cli, out: Path, arguments: tuple[object, ...], message: str) -> None:
    result = cli(*PLANTED, *arguments, "--out", out)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not (out / "league.json").exists()
