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
    drawn = cli("draw", tmp_path / "run", "--out", tmp_path / "drawn").out.splitlines()
    assert drawn == [str(tmp_path / "drawn" / name) for name in ("neurons.svg", "neurons.png", "report.html")]
    picture = (tmp_path / "drawn" / "neurons.svg").read_text()
    assert f"<title>{best.name}: " in picture
    assert "neurons, beside every head" in picture
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
        (("select", tmp_path / "run", "--top", 3, "--out", tmp_path / "x.json"), "goes into a folder of its own"),
        (("select", tmp_path / "run", "--top", 3, "--out", tmp_path / "run"), "already; choose another folder"),
        (("select", tmp_path / "run", "--top", 3, "--prune", "--out", tmp_path / "x"), "--prune is of edges and nodes"),
        (("compare", tmp_path / "run", tmp_path, "--out", tmp_path / "x"), "`edgewise evaluate` of each"),
        (("draw", tmp_path / "run", "--strongest", 3), "--strongest is of edges"),
        (("report", tmp_path / "run", "--out", tmp_path / "x.html"), "it has a page of its own"),
        (("push", tmp_path / "run", "me/it"), "put its folder there with `hf upload"),
        (("clusters", tmp_path / "run"), "leave --level neuron out, and give --per-prompt"),
        (("specificity", tmp_path / "run"), "measure other tasks with `edgewise evaluate"),
        (("export", tmp_path / "run", "--format", "dot", "--out", tmp_path / "x.dot"), "use csv, jsonl, parquet"),
        (("evaluate", "--circuit", tmp_path / "run/neurons.json", "--model", model, "--data", data), "by its folder"),
        (
            ("import", tmp_path / "run/neurons.csv", "--graph", model, "--out", tmp_path / "x"),
            "is a neuron; a table",
        ),
        (("discover", *run, "--neuron-edges", 400, "--out", tmp_path / "x"), "but the model has 384 neurons"),
        (("discover", *run, "--positions", "all", "--out", tmp_path / "x"), "and not neurons; leave --level out"),
        (("discover", *run, "--keep", 0.9, "--top", 4, "--out", tmp_path / "x"), "--top and --keep given"),
        (("discover", *run, "--stable", "--out", tmp_path / "x"), "--stable is of edges and nodes"),
        (("discover", *run, "--method", "hisp", "--out", tmp_path / "x"), "method 'hisp' scores no neurons"),
        (("discover", *run, "--tau", "1,2", "--out", tmp_path / "x"), "--tau has several values; give one"),
    ):
        found = cli(*command)
        assert (found.code, found.err.splitlines()[-1:]) == (2, found.err.splitlines()), command
        assert words in found.err, command


def test_another_circuit_is_a_run_of_its_own(model: Path, data: Path, cli: Cli, tmp_path: Path) -> None:
    run = "--model", model, "--data", data, "--level", "neuron", "--top", 7, "--no-evaluate"
    cli("discover", *run, "--out", tmp_path / "run")
    first = load_neuron_run(tmp_path / "run")
    for number, rule in enumerate((("--top", 3), ("--max-kl", 0.01))):
        said = cli("select", tmp_path / "run", *rule, "--out", tmp_path / str(number))
        assert said.code == 0
        found = load_neuron_run(tmp_path / str(number))
        n = 3 if found.sized is None else found.sized.size
        assert found.circuit == first.scores.best(n)
        assert f"circuit: {found.circuit.n_heads} of 12 heads" in said.out
    assert found.sized is not None
    assert found.sized.value <= 0.01
    assert load_neuron_run(tmp_path / "run").circuit == first.circuit
