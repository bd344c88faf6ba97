"""Models in which query heads share keys and values, from the command line: files by query head, and scores by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

from stored import save_model
from tiny import llama

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("grouped") / "llama", llama())


def discovered(cli: Cli, model: Path, data: Path, out: Path, *more: object) -> Path:
    command = ("discover", "--model", model, "--data", data, "--top", 40, "--dtype", "float64", "--no-pictures")
    result = cli(*command, "--out", out, *more)
    assert result.code == 0, result
    return out


def kept(file: Path) -> set[str]:
    edges = json.loads(file.read_text())["edges"]
    return {name for name, edge in edges.items() if edge["in_circuit"]}


def test_a_circuit_file_says_what_the_run_says_and_is_read_back_by_either_view(
    cli: Cli, grouped: Path, data: Path, tmp_path: Path
) -> None:
    """It names key/value heads; read by query head, membership is copied to a group's heads."""
    run = discovered(cli, grouped, data, tmp_path / "run")
    written = kept(run / "circuit.json")
    assert len(written) == 40
    shared = [name for name in written if name[-3:] in ("<k>", "<v>")]
    assert shared
    assert all(".kv" in name for name in shared)
    numbers = {}
    for view in ("native", "query"):
        file = ["--circuit", run / "circuit.json", "--model", grouped, "--data", data, "--dtype", "float64"]
        result = cli("evaluate", *file, "--kv-heads", view, "--random", 0, "--no-curve", "--json")
        assert result.code == 0, result
        numbers[view] = json.loads(result.out)
    native, query = (numbers[view] for view in ("native", "query"))
    assert native["circuit"]["metric"] == pytest.approx(query["circuit"]["metric"], rel=1e-6)
    assert native["edges"]["circuit"] == 40
    assert query["edges"]["circuit"] == len(written) + len(shared)  # two query heads share one key/value head


def test_mib_counts_edges_of_query_heads_and_says_so(cli: Cli, grouped: Path, data: Path, tmp_path: Path) -> None:
    for view, warned in (("native", True), ("query", False)):
        run = discovered(cli, grouped, data, tmp_path / view, "--kv-heads", view, "--no-evaluate")
        said = cli("evaluate", run, "--protocol", "mib", "--json")
        assert ("evaluate a run with --kv-heads query" in said.err) is warned
        found = json.loads(said.out)
        assert any("--kv-heads query" in words for words in found["warnings"]) is warned
        edges = load_file(run / "scores.safetensors")["scores"]
        assert found["graph_edges"] == int((~np.isnan(edges)).sum())


def test_scores_by_query_head_are_stored_and_evaluated(cli: Cli, grouped: Path, data: Path, tmp_path: Path) -> None:
    run = discovered(cli, grouped, data, tmp_path / "run", "--kv-heads", "query", "--attention", "eager")
    record = json.loads((run / "run.json").read_text())
    assert (record["config"]["kv_heads"], record["config"]["attention"]) == ("query", "eager")
    assert (record["model"]["architecture"], record["model"]["attention"]) == ("LlamaForCausalLM", "eager")
    assert record["model"]["graph"]["n_kv_heads"] == 4
    assert load_file(run / "scores.safetensors")["scores"].shape == (16, 40)
    assert cli("evaluate", run, "--no-curve", "--random", 0).code == 0
    assert cli("verify", run, "--edges", 20).code == 0
    said = cli("check", grouped, "--kv-heads", "query", "--attention", "sdpa", "--dtype", "float64")
    assert said.code == 0, said.out
    assert "FAIL" not in said.out
    assert "heads; worst: a" in said.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--kv-heads", "all"], "kv_heads 'all' is not known; use one of native, query"),
        (["--attention", "slow"], "attention"),
    ],
)
def test_bad_values_are_refused_in_one_line(cli: Cli, grouped: Path, more: list[str], words: str) -> None:
    result = cli("check", grouped, *more)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result
    assert words in result.err
