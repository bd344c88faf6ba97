"""Two tasks of the demo model mixed in one file: the groups of its prompts are the tasks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgewise
from cli.conftest import Cli
from edgewise import load_model, make_task
from edgewise.evaluation.clusters import purity
from stored import write_rows

pytestmark = pytest.mark.slow

N = 20
HOW = ["--model", "demo", "--method", "eap", "--per-prompt", "--no-pictures", "--no-evaluate"]


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = load_model("demo")
    rows = [
        {name: list(getattr(pair, name)) for name in ("clean", "corrupted", "answers", "wrong_answers")}
        for task in ("ioi", "induction")
        for pair in make_task(task, model, n=N)
    ]
    return write_rows(tmp_path_factory.mktemp("mixture") / "mixed.jsonl", rows)


def test_a_mixture_of_two_tasks(mixture: Path, tmp_path: Path, cli: Cli) -> None:
    made = cli("discover", *HOW, "--data", mixture, "--out", tmp_path / "run")
    assert made.code == 0, made.err
    said = cli("clusters", tmp_path / "run", "--permutations", "19", "--json", "--out", tmp_path / "found.json")
    document = json.loads(said.out)
    found = edgewise.clusters(tmp_path / "run", permutations=19, out=tmp_path / "again.json", progress=False)
    assert repr(found).startswith(f"Clusters({len(found.groups)} kinds of {2 * N} prompts of demo")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "found.json").read_bytes()
    assert [list(group.prompts[0]) for group in found.groups] == [one["prompts"][0] for one in document["groups"]]
    assert document == {"schema": "edgewise-clusters/1", **json.loads((tmp_path / "found.json").read_text())}
    assert (document["schema"], document["several"], document["n"]) == ("edgewise-clusters/1", True, 2 * N)
    labels = np.zeros(2 * N, dtype=np.int64)
    for group, one in enumerate(document["groups"]):
        labels[np.array(one["prompts"][0]) - 1] = group
    assert purity(labels, [0] * N + [1] * N) >= 0.95
    text = cli("clusters", tmp_path / "run", "--permutations", "0").out
    assert f"verdict: {len(document['groups'])} kinds of prompts" in text


def test_runs_beside_each_other_and_one_by_one(tmp_path: Path, cli: Cli) -> None:
    for task in ("ioi", "induction"):
        assert cli("discover", *HOW, "--task", task, "--n", N, "--out", tmp_path / task).code == 0
    both = json.loads(cli("clusters", tmp_path / "ioi", tmp_path / "induction", "--permutations", "0", "--json").out)
    assert both["purity"] >= 0.95
    assert sum(one["n"] for one in both["groups"]) == 2 * N
    for task in ("ioi", "induction"):
        alone = cli("clusters", tmp_path / task, "--permutations", "0")
        assert "verdict: one circuit, as far as this tells" in alone.out


def test_a_run_without_scores_of_prompts_is_refused(tmp_path: Path, cli: Cli) -> None:
    words = [word for word in HOW if word != "--per-prompt"]
    assert cli("discover", *words, "--task", "ioi", "--n", 6, "--out", tmp_path / "run").code == 0
    said = cli("clusters", tmp_path / "run")
    assert (said.code, said.out) == (2, "")
    assert "has no scores of single prompts; run it again with --per-prompt" in said.err


def test_edges_by_place_keep_their_places(tmp_path: Path, cli: Cli) -> None:
    made = cli("discover", *HOW, "--task", "ioi", "--n", 8, "--positions", "spans", "--out", tmp_path / "run")
    assert made.code == 0, made.err
    found = edgewise.clusters(tmp_path / "run", clusters=2, permutations=0, progress=False)
    scores = edgewise.load_run(tmp_path / "run").scores
    here = np.array(found.groups[0].prompts[0]) - 1
    for edge in found.groups[0].telling:
        at = (slice(None), *scores.graph.edge(edge.name))
        assert edge.here == pytest.approx(scores.per_prompt[at][here].mean(), rel=1e-5)
