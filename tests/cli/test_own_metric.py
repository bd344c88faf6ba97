"""A metric from a file on the command line: named with every command that runs it, and no other runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgewise
from cli.conftest import Cli
from edgewise.metrics import own

FILE = """
import pathlib
pathlib.Path("ran").write_text("yes")

def best(logits, batch):
    return logits[:, -1].gather(1, batch.answers[:, :1])[:, 0]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own, "_GIVEN", {})
    (tmp_path / "my.py").write_text(FILE)
    return tmp_path


def test_the_whole_way(place: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = ["--metric", "my.py:best"]
    begin = ["discover", "--model", "demo", "--task", "ioi", "--n", "4", "--method", "eap", "--top", "9"]
    begin += ["--no-pictures", "--no-evaluate", "--out", "run"]
    made = cli(*begin, *metric, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["run"]["metric"]["name"] == "my.py:best"
    record = json.loads((place / "run/run.json").read_text())
    assert len(record["identity"]["metric"]) == 64
    (place / "ran").unlink()
    asked = {
        "evaluate": ["evaluate", "run", "--no-curve", "--random", "0"],
        "verify": ["verify", "run", "--edges", "20"],
        "select": ["select", "run", "--keep", "0.5", "--out", "small.json"],
    }
    for words in asked.values():
        monkeypatch.setattr(own, "_GIVEN", {})
        refused = cli(*words)
        assert (refused.code, refused.out) == (2, "")
        assert "is code of a file, which runs only where the command names it" in refused.err
        assert "add --metric my.py:best to run it" in refused.err
    assert cli("show", "run").code == 0
    assert not (place / "ran").exists()
    for words in asked.values():
        monkeypatch.setattr(own, "_GIVEN", {})
        assert cli(*words, *metric).code == 0
    for words in (asked["verify"], asked["select"]):
        other = cli(*words, "--metric", "kl", "--overwrite" if words[0] == "verify" else "--rows=3")
        assert "its scores are of the metric 'my.py:best', not of 'kl'; leave --metric out" in other.err
    (place / "my.py").write_text(FILE + "# another\n")
    for words in (begin, [*asked["evaluate"], "--overwrite"]):
        monkeypatch.setattr(own, "_GIVEN", {})
        changed = cli(*words, *metric)
        assert changed.code == 2
        assert "the files behind metric have changed" in changed.err


def test_a_function_of_python(place: Path) -> None:
    def first(logits, batch):
        return logits[:, -1].gather(1, batch.answers[:, :1])[:, 0]

    how = {"model": "demo", "task": "ioi", "n": 4, "method": "eap", "pictures": False, "evaluate": False}
    run = edgewise.discover(**how, metric=first, out="run")
    plain = edgewise.score_edges(
        edgewise.load_model("demo"),
        edgewise.make_task("ioi", edgewise.load_model("demo"), n=4),
        method="eap",
        metric=first,
    )
    assert run.record.metric.name == "python:first"
    assert abs(run.scores.values - plain.values)[plain.graph.mask].max() < 1e-5
    assert edgewise.discover(**how, metric=first, out="run").reused
    assert edgewise.evaluate(run, metric=first, curve=False, random=0).metric == "python:first"
