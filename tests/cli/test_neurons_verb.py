"""Heads and neurons on the command line: found, shown, evaluated, refused."""

from __future__ import annotations

import json
from pathlib import Path

from cli.conftest import Cli
from edgewise.runs.store.neurons import load_neuron_run
from shown_page import said as page_texts


def test_from_a_model_to_an_evaluation(model: Path, data: Path, cli: Cli, tmp_path: Path) -> None:
    run = "--model", model, "--data", data, "--level", "neuron", "--exact", 4, "--top", 7
    said = cli("discover", *run, "--out", tmp_path / "run").out
    first = load_neuron_run(tmp_path / "run")
    best = first.scores.top_neurons(1)[0]
    assert f"1  {best.name}" in said
    assert f"circuit: {first.circuit.n_heads} of 12 heads, {first.circuit.n_neurons} of 384 neurons" in said
    assert "exact effects: 4 of 396" in said
    assert "Found the finished run in" in cli("discover", *run, "--out", tmp_path / "run").out
    assert f"1  {best.name}" in cli("show", tmp_path / "run", "--rows", 3).out
    document = json.loads(cli("show", tmp_path / "run", "--rows", 3, "--json").out)
    assert document["schema"] == "edgewise-neurons/1"
    assert [row["name"] for row in document["neurons"]] == list(first.scores.top_neurons(3).names)
    assert [row["name"] for row in document["heads"]] == list(first.scores.top_heads(3).names)
    assert "Pictures and numbers on one page" in said
    assert "the best, " not in page_texts(tmp_path / "run")
    measured = cli("evaluate", tmp_path / "run", "--random", 1).out
    assert "The best neurons, beside every head" in page_texts(tmp_path / "run")
    (tmp_path / "run" / "report.html").unlink()
    assert cli("open", tmp_path / "run").out.strip() == str(tmp_path / "run" / "report.html")
    assert best.name in page_texts(tmp_path / "run")
    cli("discover", *run[:-1], 8, "--no-pictures", "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "report.html").exists()
    cli("discover", *run, "--out", tmp_path / "run")
    cli("evaluate", tmp_path / "run", "--random", 1)
    assert "neurons, beside every head" in measured
    assert "every head, no neuron" in measured
    assert "neurons, beside every head" in cli("show", tmp_path / "run").out


def test_refusals_are_one_line(model: Path, data: Path, cli: Cli, tmp_path: Path) -> None:
    run = "--model", model, "--data", data, "--level", "neuron", "--no-evaluate"
    assert cli("discover", *run, "--out", tmp_path / "run").code == 0
    for command, words in (
        (("evaluate", tmp_path / "run", "--minimality"), "--minimality is of circuits of edges"),
        (("evaluate", tmp_path / "run", "--ablation", "mean"), "--ablation is of circuits of edges"),
        (("evaluate", tmp_path / "run", "--out", tmp_path), "leave --out out"),
        (
            ("select", tmp_path / "run", "--top", 3, "--out", tmp_path / "x"),
            "holds a run of neurons; this takes one of",
        ),
        (("discover", *run, "--method", "hisp", "--out", tmp_path / "x"), "method 'hisp' scores no neurons"),
        (("discover", *run, "--tau", "1,2", "--out", tmp_path / "x"), "--tau has several values; give one"),
    ):
        found = cli(*command)
        assert (found.code, found.err.count("\n")) == (2, 1)
        assert words in found.err
