"""`edgewise evaluate` as a user meets it: its text, its JSON, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgewise.cli.progress import STOP
from edgewise.verbs.progress import SAY_FROM
from stored import contents

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow

MEASURED = {"metric", "stderr", "kl", "accuracy"}


@pytest.fixture(scope="module")
def planted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a planted model: 16 edges."""
    from edgewise.runs.config import RunConfig
    from edgewise.runs.discover import discover
    from edgewise.settings.selection import Selection

    folder = tmp_path_factory.mktemp("planted") / "run"
    discover(RunConfig(model="planted:3", task="planted", n=10, selection=Selection(top=16)), folder)
    return folder


def test_it_says_what_was_measured_on_what(cli: Cli, planted_run: Path) -> None:
    result = cli("evaluate", planted_run, "--minimality", "--random", 1, "--overwrite")
    assert (result.code, result.err) == (0, "")
    assert "planted:3 on planted: 10 held-out prompts, logit-diff\ncircuit: 16 of" in result.out
    rows = {line.split()[0]: line.split() for line in result.out.splitlines() if line.strip()}
    assert [rows[name][1] for name in ("full", "circuit", "empty")] == [rows["full"][1], "16", "0"]
    assert rows["faithfulness"][1] == "1.0000"
    assert rows["completeness"][1] == "0.0000"
    assert len([line for line in result.out.splitlines() if line.strip().startswith(("0.", "1 "))]) >= 10
    assert "x axis: fraction of edges, linear; 1 random rankings, seed 0" in result.out
    assert "removing one edge from the circuit" in result.out
    assert result.out.endswith(f"Wrote {planted_run / 'evaluation-resample.json'}\n")
    again = cli("evaluate", planted_run, "--minimality", "--random", 1)
    assert again.out == result.out.replace("Wrote ", "Found the finished evaluation in ")


def test_json_is_one_document(cli: Cli, planted_run: Path) -> None:
    result = cli("evaluate", planted_run, "--ablation", "mean", "--random", 2, "--minimality", "--json")
    assert result.err == ""
    said = json.loads(result.out)
    assert [set(said[name]) for name in ("full", "empty", "circuit", "complement")] == [MEASURED] * 4
    assert (said["ablation"], said["metric"], said["edges"]["circuit"]) == ("mean", "logit-diff", 16)
    assert [point["fraction"] for point in said["curve"]] == [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    assert set(said["curve"][0]) == {"fraction", "size", "edges", "metric", "faithfulness", "stderr", "random"}
    assert all(isinstance(said[name], float) for name in ("faithfulness", "completeness", "cpr", "cmd"))
    assert said["axes"]["x"] == "fraction of edges, linear"
    assert len(said["minimality"]) == 16
    assert set(said["minimality"][0]) == {"edge", "effect", "stderr"}
    assert set(said["prompts"]) == {"what", "n", "split", "dropped", "fingerprint", "note"}
    assert said["prompts"]["split"] == "held-out"
    assert (said["file"], said["reused"]) == (str(planted_run / "evaluation-mean.json"), False)
    plain = json.loads(cli("evaluate", planted_run, "--ablation", "zero", "--no-curve", "--json").out)
    assert [plain[name] for name in ("curve", "cpr", "cmd", "minimality", "random", "axes")] == [None] * 6
    assert plain["no_curve"] == "not asked for"


def test_a_circuit_file_with_its_model(cli: Cli, planted_run: Path, tmp_path: Path) -> None:
    command = ["evaluate", "--circuit", planted_run / "circuit.json", "--model", "planted:3", "--task", "planted"]
    command += ["--n", 5, "--seed", 3, "--random", 0]
    loose = cli(*command)
    assert loose.code == 0
    assert "Wrote" not in loose.out
    assert "planted:3 on planted: 5 held-out prompts" in loose.out
    kept = cli(*command, "--out", tmp_path / "kept")
    assert kept.out == f"{loose.out}\nWrote {tmp_path / 'kept' / 'evaluation-resample.json'}\n"
    assert list(contents(tmp_path / "kept")) == ["evaluation-resample.json"]
    assert "Found the finished evaluation in" in cli(*command, "--out", tmp_path / "kept").out


def test_every_option_reaches_the_evaluation(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    cli("discover", "--model", model, "--data", data, "--out", tmp_path / "run", "--top", 5, "--by", "signed")
    options = ["--data", data, "--n", 3, "--seed", 8, "--no-bos", "--drop-invalid", "--ablation", "mean-positional"]
    options += ["--metric", "log-prob", "--no-curve", "--random", 2, "--minimality", "--dtype", "float64"]
    options += ["--device", "cpu", "--batch-size", 2, "--max-memory", "64GB", "--ignore-config", "x"]
    asked = json.loads(cli("evaluate", tmp_path / "run", *options, "--json").out)["asked"]
    expected = {
        "n": 3,
        "seed": 8,
        "bos": False,
        "drop_invalid": True,
        "ablation": "mean-positional",
        "metric": "log-prob",
        "curve": False,
        "random": 2,
        "minimality": True,
        "dtype": "float64",
        "batch_size": 2,
        "ignore_config": ["x"],
        "by": "signed",
    }
    assert {name: asked[name] for name in expected} == expected


def test_warnings_go_to_stderr_and_undefined_shares_are_dashes(cli: Cli, model: Path, tmp_path: Path) -> None:
    from stored import id_rows, write_rows

    # They differ behind the only position that is read.
    ends = [(row, [*row["clean"][:-1], row["clean"][-1] ^ 1]) for row in id_rows(3)]
    rows = [{**row, "corrupted": corrupted, "positions": [0]} for row, corrupted in ends]
    path = write_rows(tmp_path / "same.jsonl", rows)
    cli("discover", "--model", model, "--data", path, "--out", tmp_path / "run")
    result = cli("evaluate", tmp_path / "run", "--random", 1)
    assert result.code == 0
    assert "edgewise: warning: the metric is the same with no edge and with every edge patched" in result.err
    assert ["faithfulness", "-", "-"] in [line.split()[:3] for line in result.out.splitlines()]
    assert json.loads(cli("evaluate", tmp_path / "run", "--random", 1, "--json").out)["faithfulness"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to evaluate; give the folder of a finished run, or --circuit FILE with --model"),
        (["RUN", "--circuit", "x.json"], "both a run folder"),
        (["RUN", "--model", "demo"], "a run names its own model"),
        (["RUN", "--out", "x"], "an evaluation is stored in its run's folder"),
        (["--circuit", "CIRCUIT"], "add --model"),
        (["--circuit", "CIRCUIT", "--model", "planted:3"], "exactly one of --task and --data"),
        (["--circuit", "none.json", "--model", "demo", "--task", "ioi"], "none.json: No such file"),
        (["--circuit", "CIRCUIT", "--model", "demo", "--task", "ioi"], "n_layers is 2, the model's is 4"),
        (["RUN", "--ablation", "resampel"], "--ablation is 'resampel'; did you mean 'resample'?"),
        (["RUN", "--metric", "logit-dif"], "unknown metric 'logit-dif'; did you mean 'logit-diff'?"),
        (["RUN", "--task", "iio"], "unknown task 'iio'; did you mean 'ioi'?"),
        (["RUN", "--random", "-1"], "--random is -1; give at least 0"),
        (["RUN", "--task", "planted", "--data", "x.jsonl"], "exactly one of --task and --data"),
        (["nowhere"], "nowhere: no such run folder"),
    ],
)
def test_what_is_refused_in_one_line(
    cli: Cli, planted_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    real = {"RUN": planted_run, "CIRCUIT": planted_run / "circuit.json"}
    result = cli("evaluate", *(real.get(word, word) for word in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("edgewise: error: ")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ("run", "interrupted; start the same command again to go on from here"),
        ("out", "interrupted; start the same command again to go on from here"),
        ("nowhere", "interrupted; nothing is kept without --out"),
    ],
)
def test_an_interrupt_says_how_to_go_on(
    cli: Cli, planted_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, words: str
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgewise.search.table.fill._micro_batch", interrupted)
    file = ["--circuit", planted_run / "circuit.json", "--model", "planted:3", "--task", "planted", "--n", 4]
    command = {"run": [planted_run, "--overwrite"], "out": [*file, f"--out={tmp_path}"], "nowhere": file}[kept]
    result = cli("evaluate", *command)
    assert (result.code, result.out, result.err) == (130, "", f"edgewise: {words}\n")


def test_a_long_evaluation_says_beforehand_what_it_takes(
    cli: Cli, planted_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgewise.verbs.progress.SAY_FROM", SAY_FROM)
    monkeypatch.setattr("edgewise.evaluation.evaluate.Evaluator.seconds_a_run", lambda *_: 2.0)
    said = cli("evaluate", planted_run, "--no-curve", "--overwrite").err
    assert said == (f"edgewise: evaluating the circuit: 30 forward passes of one prompt, about 60 s; {STOP}\n")
    file = ["--circuit", planted_run / "circuit.json", "--model", "planted:3", "--task", "planted", "--n", 10]
    assert "; nothing is kept without --out\n" in cli("evaluate", *file, "--no-curve").err
