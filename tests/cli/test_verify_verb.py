"""What `edgewise verify` prints and stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tiny
from edgewise.errors import SettingError
from edgewise.runs import verify as module
from edgewise.search import PatchingState
from stored import contents, save_model

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 46 edges."""
    return save_model(tmp_path_factory.mktemp("model") / "small", tiny.gpt2(n_layer=2, n_head=2, n_embd=16))


@pytest.fixture
def run(cli: Cli, small: Path, data: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    asked = [
        "discover",
        "--model",
        small,
        "--data",
        data,
        "--n",
        3,
        "--top",
        10,
        "--method",
        "eap",
        "--no-pictures",
        "--out",
        out,
    ]
    assert cli(*asked).code == 0
    return out


def test_text(cli: Cli, run: Path) -> None:
    result = cli("verify", run, "--edges", 30)
    assert (result.code, result.err) == (0, "")
    said = result.out
    assert (
        "measured: 30 of 46 edges: the 15 most in doubt, 3 drawn by doubt and 12 of the others at random (seed 0)"
        in said
    )
    values = json.loads((run / "verification.json").read_text())
    r2 = values["agreement"]["r2"]
    line = next(line for line in result.out.splitlines() if line.startswith("R²"))
    numbers = [f"{r2['value']:.3f}", f"{r2['low']:.3f}", "to", f"{r2['high']:.3f}"]
    judged = {one["name"]: one["outcome"] for one in values["criteria"]}
    assert line.split()[4:] == [*numbers, "0.8", "or", "more", judged["r2"]]
    rows = [line.split() for line in result.out.splitlines() if line[:2].strip().isdigit()]
    assert [row[1] for row in rows] == [effect["name"] for effect in values["effects"][:10]]
    assert values["verdict"] in result.out
    nearer = "Nearer to exact effects as a rule: --method eap+exact, at about 3.5 times EAP's time."
    assert (nearer in result.out) == ("fails" in judged.values())
    assert result.out.endswith(f"Wrote {run / 'verification.json'}\n")


def test_all(cli: Cli, run: Path) -> None:
    result = cli("verify", run, "--edges", "all")
    assert "measured: all 46 edges, so these numbers are exact" in result.out
    assert "interval" not in result.out.lower()
    again = cli("verify", run)
    assert again.out == result.out.replace("\nWrote ", "\nFound the finished verification in ")


def test_a_picture_stands_beside_it_and_goes_with_the_run(cli: Cli, run: Path) -> None:
    picture = run / "verification.svg"
    assert f"Picture: {picture}" in cli("verify", run, "--edges", 30).out
    first = picture.read_bytes()
    assert first.startswith(b"<?xml")
    others = [run / f"verification{end}.png" for end in ("", "-dark")]
    assert all(other.is_file() for other in others)
    picture.unlink()
    cli("verify", run, "--edges", 30, "--json")
    assert picture.read_bytes() == first
    config = json.loads((run / "run.json").read_text())["config"]
    again = ["discover", "--model", config["model"], "--data", config["data"], "--out", run, "--n", 2]
    assert cli(*again, "--no-pictures", "--overwrite").code == 0
    assert not any(one.exists() for one in (picture, *others))


def test_json_is_one_document_with_every_edge(cli: Cli, run: Path) -> None:
    result = cli("verify", run, "--edges", 30, "--json")
    said = json.loads(result.out)
    stored = json.loads((run / "verification.json").read_text())
    assert said == {name: value for name, value in stored.items() if name != "format"} | {
        "schema": "edgewise-verification/1",
        "folder": str(run),
        "reused": False,
        "exact": False,
    }
    assert len(said["effects"]) == 30
    assert json.loads(cli("verify", run, "--edges", 30, "--json").out) == said | {"reused": True}


def test_every_option_reaches_the_verification(cli: Cli, run: Path) -> None:
    options = ["--edges", 31, "--largest", 12, "--top-k", 5, "--seed", 4, "--batch-size", 2, "--max-memory", "100GB"]
    said = json.loads(cli("verify", run, *options, "--json").out)
    expected = {"edges": 31, "top": 12, "top_k": 5, "seed": 4, "batch_size": 2}
    assert {name: said["asked"][name] for name in expected} == expected
    other = cli("verify", run, "--edges", 30)
    assert other.code == 2
    assert "edges is 31 there, 30 here" in other.err
    assert "--overwrite" in other.err
    assert cli("verify", run, "--edges", 30, "--overwrite").code == 0


def test_one_prompt_has_no_standard_errors(cli: Cli, small: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    cli("discover", "--model", small, "--data", data, "--n", 1, "--no-pictures", "--out", out)
    said = json.loads(cli("verify", out, "--json").out)
    assert said["effects"][0]["exact_stderr"] is None
    assert cli("verify", out).code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--edges", "many"], "'many' is not a number"),
        (["--edges", "0"], "'0' is not a number"),
        (["--edges", "12"], "leaves 6 to draw"),
        (["--max-memory", "1KB"], "memory"),
    ],
)
def test_mistakes_are_one_line(cli: Cli, run: Path, options: list[str], words: str) -> None:
    before = contents(run)
    result = cli("verify", run, *options)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert words in result.err
    assert contents(run) == before


def test_an_exact_run_is_refused(cli: Cli, small: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    exact = ["--method", "activation-patching", "--only", "*->logits", "--top", 2]
    cli("discover", "--model", small, "--data", data, "--n", 2, *exact, "--no-pictures", "--out", out)
    result = cli("verify", out)
    assert result.code == 2
    assert "exact already" in result.err


def test_an_interrupt_says_how_to_go_on(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def patching(*_: Any, **__: Any) -> Iterator[PatchingState]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(module, "patching", patching)
    result = cli("verify", run)
    assert (result.code, result.out) == (130, "")
    assert result.err == "edgewise: interrupted; start the same command again to go on from here\n"


def test_counts() -> None:
    from edgewise.settings.texts import read_count

    assert [read_count("--edges", text) for text in ("1", "32491", "32,491", "all", "ALL")] == [
        1,
        32491,
        32491,
        None,
        None,
    ]
    for text in ("", "-3", "0", "1e3", "1,2", "3.5"):
        with pytest.raises(SettingError, match="--edges"):
            read_count("--edges", text)
