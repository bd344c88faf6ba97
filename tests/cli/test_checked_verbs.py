"""`discover --exact`, and the verbs that read its run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cli.conftest import Cli
from shown_page import document

pytestmark = pytest.mark.slow


def test_a_checked_run_is_shown_verified_and_selected_from(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    asked = ("discover", "--model", model, "--data", data, "--exact", 12, "--top", 15, "--out", folder)
    made = cli(*asked)
    assert made.code == 0
    assert "exact effects: 12 of " in made.out
    assert "score is" in made.out
    assert cli(*asked).out == made.out.replace("Wrote", "Found the finished run in")
    tensors = load_file(folder / "scores.safetensors")
    assert (tensors["verified"].dtype, int(tensors["verified"].sum())) == (np.bool_, 12)
    assert tensors["estimated"].shape == tensors["scores"].shape
    shown = json.loads(cli("show", folder, "--rows", 1000, "--json").out)
    assert sum(row["verified"] for row in shown["edges"]) == 12
    assert "score is" in cli("select", folder, "--top", 5, "--out", tmp_path / "five.json").out
    said = cli("verify", folder, "--edges", 30).out
    assert "12 by the run itself, whose scores are exact; now the 15 most in doubt, 3 drawn by doubt and 12" in said
    (page,) = document((folder / "report.html").read_text(encoding="utf-8"))["runs"]
    assert "--exact 12" in page["command"]
    assert sum(page["ranked"]["exact"]) == 12
    assert len(page["verified"]["names"]) == 42


def test_what_cannot_be_checked_is_one_line(cli: Cli, model: Path, data: Path, tmp_path: Path) -> None:
    asked = ("discover", "--model", model, "--data", data, "--out", tmp_path / "run", "--exact")
    for more in ((3, "--method", "activation-patching"), (3, "--method", "ifr"), (-3,)):
        said = cli(*asked, *more)
        assert (said.code, len(said.err.splitlines())) == (2, 1)
        assert "exact" in said.err
    assert not (tmp_path / "run" / "run.json").exists()
