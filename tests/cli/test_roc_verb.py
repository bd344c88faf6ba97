"""What `edgewise roc` prints and stores, on a planted model and on the demo model."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgewise import load_model

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow

PLANTED = ("roc", "--model", "planted:3", "--task", "planted", "--n", 5)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "roc"


def test_planted(cli: Cli, out: Path) -> None:
    asked = (*PLANTED, "--methods", "eap,acdc:task", "--taus", "0.01,1", "--out", out)
    result = cli(*asked)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "planted:3 on planted: 5 prompts, logit-diff"
    assert lines[1] == "truth: the planted circuit of planted:3: 16 of 75 edges"
    stored = json.loads((out / "roc.json").read_text())
    for line, label in zip(stored["lines"], ("EAP", "ACDC, task metric"), strict=True):
        row = next(text for text in lines if text.startswith(label)).removeprefix(label).split()
        judged = line["levels"]["edge"]
        assert row[1:4] == [f"{judged[name]:.3f}" for name in ("auc", "auc_pessimistic", "youden")]
    assert result.out.endswith(f"Picture: {out / 'roc.svg'}\nWrote {out / 'roc.json'}\n")
    ET.fromstring((out / "roc.svg").read_text())
    assert all((out / f"roc{end}.png").is_file() for end in ("", "-dark"))
    again = cli(*asked)
    assert again == result
    nodes = cli(*asked, "--nodes")
    circuit = load_model("planted:3").circuit
    assert circuit is not None
    kept, of = int(circuit.node_mask.sum()), circuit.graph.n_sources
    assert nodes.out.splitlines()[1] == f"truth: the planted circuit of planted:3: {kept} of {of} nodes"
    assert nodes.out.splitlines()[3] == lines[3]


def test_compiled(cli: Cli, out: Path) -> None:
    asked = ("--model", "compiled:induction", "--task", "compiled", "--n", 5, "--methods", "eap")
    result = cli("roc", *asked, "--out", out)
    assert result.out.splitlines()[1] == "truth: the compiled circuit of compiled:induction: 5 of 110 edges"


def test_demo(cli: Cli, out: Path) -> None:
    """Without --model the demo model, without --truth its exact effects on held-out prompts."""
    result = cli(
        "roc", "--task", "ioi", "--n", 4, "--methods", "eap,activation-patching", "--bootstrap", 20, "--out", out
    )
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(
        "demo on ioi: 4 prompts, logit-diff\ntruth: edges whose exact effect on logit-diff is "
    )
    assert "on 4 held-out prompts" in result.out.splitlines()[1]
    assert "activation patching (reference)" in result.out
    assert "95 % over prompts" in result.out
    assert "is a reference, no competitor" in " ".join(result.out.split())


def test_json(cli: Cli, out: Path) -> None:
    result = cli(*PLANTED, "--methods", "eap", "--json", "--out", out)
    document = json.loads(result.out)
    assert (document.pop("schema"), document.pop("folder")) == ("edgewise-roc/1", str(out))
    assert document == json.loads((out / "roc.json").read_text())
    points = document["lines"][0]["levels"]["edge"]["points"]
    assert points["positives"] == len(document["truth_edges"])
    assert points["positives"] + points["negatives"] == document["edges"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "eap,hips"), "cannot compare method 'hips'"),
        (("--taus", "0.1,x"), "--taus: 'x' is not a finite number; write for example --taus 0.01,0.1,1"),
        (("--taus", "0.1,0.1"), "--taus needs at least one value, each given once"),
        (("--by", "size"), "--by is 'size'"),
        (("--truth", "nowhere.json"), "nowhere.json: No such file"),
        (("--methods", "acdc:task", "--metric", "nothing"), "unknown metric 'nothing'"),
    ],
)
def test_bad_input(cli: Cli, out: Path, arguments: tuple[str, ...], message: str) -> None:
    result = cli(*PLANTED, *arguments, "--out", out)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not (out / "roc.json").exists()
