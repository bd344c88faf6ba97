"""`edgewise export` and `edgewise import`: from a run to a file and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Cli
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.coming import readable
from edgewise.runs.store.files import read_circuit, read_scores
from edgewise.runs.store.folder import load_run

PLANTED = ("--model", "planted:0", "--task", "planted", "--n", 8)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgewise.cli.main import run

    out = tmp_path_factory.mktemp("exchange") / "run"
    command = ("discover", *PLANTED, "--top", 16, "--no-pictures", "--no-evaluate", "--out", out)
    assert run(list(map(str, command))) == 0
    return out


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS.load(name).write is not None])
def test_a_run_is_exported_and_what_is_readable_comes_back(
    cli: Cli, run_folder: Path, tmp_path: Path, name: str
) -> None:
    suffix = FORMATS.load(name).suffix
    said = json.loads(cli("export", run_folder, "--format", name, "--out", tmp_path / f"x{suffix}", "--json").out)
    assert said["files"]
    assert all(Path(file).is_file() for file in said["files"])
    if name not in readable():
        refused = cli("import", said["files"][0], "--format", name, "--graph", run_folder, "--out", tmp_path / "in")
        assert (refused.code, "is only written" in refused.err) == (2, True)
        return
    run = load_run(run_folder)
    taken = cli(
        "import", said["files"][0], "--format", name, "--graph", "planted:0", "--out", tmp_path / "in", "--json"
    )
    assert taken.code == 0, taken.err
    document = json.loads(taken.out)
    circuit, beside = read_circuit(tmp_path / "in" / "circuit.json")
    scores = read_scores(tmp_path / "in" / "scores.safetensors")
    if document["circuit_edges"] is not None:
        assert circuit == run.circuit
    known = ~np.isnan(scores.values)
    assert document["scored"] == known.sum() >= 16
    np.testing.assert_allclose(scores.values[known], run.scores.values[known], rtol=1e-12)
    assert beside is not None


def test_a_circuit_file_is_exported_and_evaluated_again(cli: Cli, run_folder: Path, tmp_path: Path) -> None:
    assert cli("select", run_folder, "--top", 5, "--out", tmp_path / "five.json").code == 0
    exported = cli("export", tmp_path / "five.json", "--format", "eap-ig-json", "--out", tmp_path / "theirs.json")
    assert exported.code == 0
    assert "not kept by eap-ig-json: spreads" in exported.err
    numbers = []
    for file in ("five.json", "theirs.json"):
        evaluate = ("evaluate", "--circuit", tmp_path / file, *PLANTED, "--random", 0, "--no-curve", "--json")
        numbers.append(json.loads(cli(*evaluate).out)["circuit"])
    assert numbers[0] == numbers[1]


def test_what_cannot_be_exchanged(cli: Cli, run_folder: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        result = cli(*words)
        assert result.code == 2
        assert len(result.err.strip().splitlines()) == 1
        return result.err

    assert "did you mean 'csv'" in refused("export", run_folder, "--format", "cvs", "--out", tmp_path / "x.csv")
    assert "ends in .csv" in refused("export", run_folder, "--format", "csv", "--out", tmp_path / "x.json")
    assert "inside the run" in refused("export", run_folder, "--format", "csv", "--out", run_folder / "x.csv")
    missing = refused("export", tmp_path / "none", "--format", "csv", "--out", tmp_path / "x.csv")
    assert "none: no such run folder" in missing
    bad = tmp_path / "bad.csv"
    bad.write_text("edge,score\nm0->logits,x\n")
    assert f"{bad}: line 2: score is 'x'" in refused("import", bad, "--graph", run_folder, "--out", tmp_path / "in")
    assert "give --format" in refused("import", tmp_path / "x.json", "--graph", run_folder, "--out", tmp_path / "in")
    for empty in ("edge,score\n", '[[["a"], 1]]'):
        bad.write_text(empty)
        assert f"{bad}: has no rows" in refused("import", bad, "--graph", run_folder, "--out", tmp_path / "in")
    folder = ["import", tmp_path, "--graph", run_folder, "--out", tmp_path / "in", "--format"]
    assert "format mib is only written" in refused(*folder, "mib")
    assert "is a folder; name a file in it" in refused(*folder, "eap-ig-json")
    other = tmp_path / "other.json"
    other.write_text("[]")
    of_one = refused("import", other, "--format", "eap-ig-json", "--graph", run_folder, "--out", tmp_path / "in")
    assert "it was read as eap-ig-json, and may be acdc (--format)" in of_one
    bad.write_text("edge,score\nm0->logits,1\n")
    assert "holds another run" in refused("import", bad, "--graph", run_folder, "--out", run_folder)
    assert "holds a result already" in refused("import", bad, "--graph", "planted:0", "--out", run_folder)
    assert "No such file" in refused("import", tmp_path / "no.csv", "--graph", run_folder, "--out", tmp_path / "in")


@pytest.fixture(scope="module")
def table(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgewise.cli.main import run

    out = tmp_path_factory.mktemp("table") / "run.csv"
    assert run(["export", str(run_folder), "--format", "csv", "--out", str(out)]) == 0
    return out


def test_what_is_imported_with_prompts_is_a_run_that_every_verb_takes(
    cli: Cli, run_folder: Path, table: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    said = cli("import", table, "--graph", "planted:0", *PLANTED[2:], "--out", theirs, "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["run"]["run"]["counts"]["circuit_edges"] == 16
    mine, taken = load_run(run_folder), load_run(theirs)
    assert taken.circuit == mine.circuit
    np.testing.assert_array_equal(taken.scores.values, mine.scores.values)
    assert taken.record.rule == "as in run.csv"
    assert taken.record.prompts.fingerprint == mine.record.prompts.fingerprint
    assert taken.record.metric.clean == pytest.approx(mine.record.metric.clean, rel=1e-6)
    numbers = []
    for folder in (run_folder, theirs):
        evaluated = cli("evaluate", folder, "--random", 0, "--n", 4, "--json")
        numbers.append(json.loads(evaluated.out)["circuit"])
    assert numbers[0] == numbers[1]
    for words in (
        ("show", theirs), ("verify", theirs, "--edges", 20),
        ("export", theirs, "--format", "acdc", "--out", tmp_path / "a.json"),
        ("select", theirs, "--top", 3, "--out", tmp_path / "three"), ("draw", theirs, "--out", tmp_path / "drawn"),
        ("compare", theirs, run_folder, "--n", 4, "--out", tmp_path / "both"),
    ):  # fmt: skip
        assert cli(*words).code == 0, words
    assert load_run(tmp_path / "three").record.rule == "top 3 by abs"
    assert cli("import", table, "--graph", "planted:0", *PLANTED[2:], "--out", theirs).code == 0


def test_a_run_gives_its_prompts_to_what_is_imported_and_a_rule_selects_anew(
    cli: Cli, run_folder: Path, table: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    plain = ("--no-pictures", "--no-evaluate")
    assert cli("import", table, "--graph", run_folder, "--top", 5, "--out", theirs, *plain).code == 0
    taken, mine = load_run(theirs), load_run(run_folder)
    assert (taken.circuit.n_edges, taken.record.rule) == (5, "top 5 by abs")
    assert taken.record.prompts.fingerprint == mine.record.prompts.fingerprint
    other = cli("import", table, "--graph", run_folder, "--top", 6, "--out", theirs, *plain)
    assert (other.code, "edgewise select" in other.err) == (2, True)
    refused = cli("import", table, "--graph", "planted:0", "--top", 5, "--out", tmp_path / "files")
    assert (refused.code, "needs prompts" in refused.err) == (2, True)


def test_a_circuit_without_scores_says_what_it_cannot_do(cli: Cli, run_folder: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.csv"
    kept = load_run(run_folder).circuit.edges()
    bare.write_text("edge,in_circuit\n" + "".join(f"{edge},true\n" for edge in kept))
    theirs = tmp_path / "theirs"
    said = cli("import", bare, "--graph", run_folder, "--out", theirs, "--no-pictures")
    assert "the file has no scores: no ranking, so no `select`, no curve, no `verify`" in said.err
    assert load_run(theirs).circuit.edges() == kept
    evaluated = json.loads(cli("evaluate", theirs, "--n", 4, "--random", 0, "--json").out)
    assert evaluated["circuit"] is not None
    for words, told in (
        (("verify", theirs), "a circuit and no scores, so there is nothing to verify"),
        (("select", theirs, "--top", 3, "--out", tmp_path / "x.json"), "0 of"),
    ):
        refused = cli(*words)
        assert (refused.code, len(refused.err.strip().splitlines())) == (2, 1)
        assert told in refused.err
