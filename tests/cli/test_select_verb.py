"""`edgewise select`, and runs with resamples of their prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

import tiny
from edgewise.runs.store.files import read_circuit
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
    asked = ["discover", "--model", small, "--data", data, "--top", 10, "--bootstrap", 40, "--no-pictures"]
    result = cli(*asked, "--out", out)
    assert result.code == 0
    assert [line for line in result.err.splitlines() if "better on clean prompts" not in line] == []  # a random model
    assert "circuits of 40 resamples of the prompts overlap by 0." in result.out
    assert "95 % from" in result.out
    return out


def test_intervals_and_overlap_are_stored(cli: Cli, run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["config"]["bootstrap"] == 40
    stability = record["stability"]
    assert (stability["n_resamples"], stability["kept"], stability["target"]) == (40, 10, 0.8)
    assert 0 < stability["jaccard"] <= 1
    tensors = load_file(run / "scores.safetensors")
    assert tensors["resampled"].shape == (40, *tensors["scores"].shape)
    first = json.loads(cli("show", run, "--json").out)["edges"][0]
    # Both ends are one half width away.
    assert first["high"] - first["score"] == pytest.approx(first["score"] - first["low"], rel=1e-4)
    assert np.nanmin(np.abs(tensors["half_width"] / (first["high"] - first["score"]) - 1)) < 1e-4


def test_another_circuit_of_the_same_scores(cli: Cli, run: Path, tmp_path: Path) -> None:
    before = contents(run)
    result = cli("select", run, "--top", 5, "--out", tmp_path / "five.json")
    assert (result.code, result.err) == (0, "")
    assert "edges kept: top 5 by abs" in result.out
    assert "circuit: 5 of 46 edges" in result.out
    five, scores = read_circuit(tmp_path / "five.json")
    ten, _ = read_circuit(run / "circuit.json")
    assert set(five.edges()) < set(ten.edges())
    assert scores is not None
    assert contents(run) == before
    document = json.loads(cli("select", run, "--top", 5, "--stable", "--out", tmp_path / "s.pt", "--json").out)
    assert document["circuit_edges"] == read_circuit(tmp_path / "s.pt")[0].n_edges <= 5
    assert document["file"] == str(tmp_path / "s.pt")


def test_what_cannot_be_selected(cli: Cli, run: Path, small: Path, data: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        result = cli(*words)
        assert result.code == 2
        assert len(result.err.strip().splitlines()) == 1
        return result.err

    assert "has 46 edges" in refused("select", run, "--top", 47, "--out", tmp_path / "x.json")
    assert "give another --out" in refused("select", run, "--top", 4, "--out", run / "circuit.json")
    assert ".json or .pt" in refused("select", run, "--top", 4, "--out", tmp_path / "x.txt")
    assert "no such run folder" in refused("select", tmp_path / "none", "--out", tmp_path / "x.json")
    nowhere = tmp_path / "none" / "x.json"
    assert f"{nowhere.parent}: No such file or directory" in refused("select", run, "--top", 4, "--out", nowhere)
    asked = ("discover", "--model", small, "--data", data, "--no-pictures")
    acdc = (*asked, "--method", "acdc", "--tau", 0.01, "--n", 2)
    assert "leave --bootstrap out" in refused(*acdc, "--bootstrap", 40, "--out", tmp_path / "a")
    assert cli(*acdc, "--out", tmp_path / "a").code == 0
    assert "finds its own circuit" in refused("select", tmp_path / "a", "--top", 4, "--out", tmp_path / "x.json")
    assert "at least 20" in refused(*asked, "--bootstrap", 5, "--out", tmp_path / "b")
    assert "leave --by mean-abs out" in refused(*asked, "--bootstrap", 40, "--by", "mean-abs", "--out", tmp_path / "b")


def test_a_circuit_as_a_run_of_its_own_that_every_verb_takes(cli: Cli, run: Path, tmp_path: Path) -> None:
    before, out = contents(run), tmp_path / "five"
    said = json.loads(cli("select", run, "--top", 5, "--out", out, "--json").out)
    assert (said["file"], said["circuit_edges"]) == (str(out), 5)
    assert contents(run) == before
    assert (out / "scores.safetensors").read_bytes() == (run / "scores.safetensors").read_bytes()
    edges = json.loads((out / "circuit.json").read_text())["edges"]
    kept = {name for name, edge in edges.items() if edge["in_circuit"]}
    cli("select", run, "--top", 5, "--out", tmp_path / "five.json")
    assert kept == set(read_circuit(tmp_path / "five.json")[0].edges())
    shown = json.loads(cli("show", out, "--json").out)["run"]
    assert shown["counts"]["circuit_edges"] == 5
    assert shown["rule"] == "top 5 by abs"
    for verb in (
        ("evaluate", out, "--no-curve", "--random", 0),
        ("draw", out, "--format", "svg"),
        ("export", out, "--format", "csv", "--out", tmp_path / "five.csv"),
        ("compare", run, out, "--random", 0, "--out", tmp_path / "compared"),
        ("select", out, "--top", 3, "--out", tmp_path / "three"),
    ):
        assert cli(*verb).code == 0, verb
    again = cli("select", run, "--top", 4, "--out", out)
    assert (again.code, "choose another folder" in again.err) == (2, True)
    assert "give another --out" in cli("select", run, "--top", 4, "--out", run).err
