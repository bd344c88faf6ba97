"""The first command of the README, on the bundled model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgewise
from edgewise import load_model, make_task, score_edges, show, top_n

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


def test_one_command_from_prompts_to_a_circuit(cli: Cli, tmp_path: Path) -> None:
    result = cli("discover", "--model", "demo", "--task", "ioi", "--out", tmp_path / "run", "--json")
    assert result.code == 0
    assert result.err == ""
    said = json.loads(result.out)
    counts, metric = said["run"]["counts"], said["run"]["metric"]
    assert counts["circuit_edges"] == 100
    # It names the right one of two names, and without the clean names it cannot.
    assert metric["clean"] > 3
    assert abs(metric["corrupted"]) < metric["clean"] / 3
    assert said["run"]["prompts"]["n"] == 100


def test_five_lines_of_python_give_the_same_scores(cli: Cli, tmp_path: Path) -> None:
    model = load_model("demo")
    prompts = make_task("ioi", model, n=10)
    scores = score_edges(model, prompts)
    text = show(top_n(scores, 20), scores)
    assert "circuit: 20 of" in text
    assert text.count("yes") == 20

    cli("discover", "--model", "demo", "--task", "ioi", "--n", 10, "--out", tmp_path / "run")
    stored = edgewise.load_run(tmp_path / "run").scores
    np.testing.assert_array_equal(stored.values, scores.values.astype(np.float32))


def test_a_misspelt_option_names_the_options(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = cli("discover", "--model", "demo", "--task", "ioi", "--option", "ordr=abba", "--out", out)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "no option 'ordr'; did you mean 'order'? its options: order" in result.err


@pytest.mark.parametrize("option", ["order=3", "order=ABBA", "template=none"])
def test_a_wrong_option_value_names_the_right_ones(cli: Cli, tmp_path: Path, option: str) -> None:
    command = ["discover", "--model", "demo", "--task", "ioi", "--out", tmp_path / "run"]
    result = cli(*command, "--option", option)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert option.split("=")[0] in result.err


def test_an_unknown_split_is_refused_in_one_line(cli: Cli, tmp_path: Path) -> None:
    command = ["discover", "--model", "demo", "--task", "ioi", "--out", tmp_path / "run"]
    result = cli(*command, "--split", "test")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "--split is 'test'; use one of discovery, held-out" in result.err
    assert not (tmp_path / "run").exists()
