"""The page of a run of neurons: what it carries is what was found, and a browser shows it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from edgewise.report.page.neurons import neuron_page
from edgewise.runs.config import RunConfig
from edgewise.runs.neuron_evaluation import evaluate_neuron_run
from edgewise.runs.neurons import find_neurons
from edgewise.runs.store.neurons import NeuronRun, load_neuron_run
from edgewise.settings.selection import Selection
from page.conftest import Show
from shown_page import document, texts
from stored import id_rows, save_model, write_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> NeuronRun:
    """With exact effects, edges, the sizes that were measured and the curves of an evaluation."""
    folder = tmp_path_factory.mktemp("neurons")
    config = RunConfig(
        model=str(save_model(folder / "tiny <b>")),
        data=str(write_rows(folder / "rows.jsonl", id_rows())),
        batch_size=7,
        level="neuron",
        exact=8,
        neuron_edges=2,
        selection=Selection(max_kl=0.01),
    )
    found = find_neurons(config, folder / "run")
    evaluate_neuron_run(found.folder, {}, random=2)
    return load_neuron_run(found.folder)


def test_the_page_carries_what_was_found(run: NeuronRun) -> None:
    found = document(neuron_page(run))
    assert found["neurons"]["names"] == list(run.scores.top_neurons(300).names)
    assert found["heads"]["names"] == list(run.scores.top_heads(300).names)
    assert found["neurons"]["layers"] == [int(name[1 : name.index(".")]) for name in found["neurons"]["names"]]
    assert run.scores.verified is not None
    for kind in ("neurons", "heads"):
        columns = [found[kind][key] for key in ("names", "scores", "exact", "kept")]
        for name, score, exact, kept in zip(*columns, strict=True):
            assert score == pytest.approx(run.scores[name], rel=1e-5)
            assert bool(exact) == bool(run.scores.verified[run.scores.graph.node(name)])
            assert bool(kept) == (name in run.circuit)
    counts = run.record.counts
    assert [sum(row) for row in zip(*found["circuit"], strict=True)] == [counts.circuit_heads, counts.circuit_neurons]
    assert run.curves is not None
    (together, beside), (nodes, neurons) = found["curves"], run.curves.evaluation.curves
    assert [one["name"] for one in together["curves"]] == ["sizes", "the best", "the circuit"]
    for curve, drawn in ((nodes, together["curves"][1]), (neurons, beside["curves"][0])):
        for point, one in zip(curve.points, drawn["points"], strict=True):
            assert one["size"] == point.size
            assert one["faithfulness"] == pytest.approx(point.kept.faithfulness, rel=1e-5)
            assert one["random"] == (None if point.random is None else pytest.approx(point.random.mean, rel=1e-5))
    said = "\n".join(texts(found))
    for words in ("Heads and MLP neurons, scored by eap+exact on 3 prompts", "--level neuron", "--max-kl 0.01"):
        assert words in said.replace(" \\\n ", "")
    assert run.edges is not None
    assert {row[0] for row in found["edges"]["rows"] if row[0]} == set(run.edges.neurons)
    assert neuron_page(run) == neuron_page(load_neuron_run(run.folder))


def test_the_page_is_shown(show: Show, run: NeuronRun, tmp_path: Path) -> None:
    shown = show(run)
    assert shown.text("h1").startswith("tiny <b> on ")
    assert [place for place in shown.texts("nav a") if "neurons" in place]
    rows = "#neurons tbody tr"
    assert shown.count(rows) == 100
    shown.tab.get_by_role("button", name="Show more").first.click()
    assert shown.count(rows) == 300
    assert run.scores.top_neurons(1).names[0] in shown.texts(rows)[0]
    assert shown.count("#heads tbody tr") == run.scores.graph.n_heads
    shown.tab.locator("#neurons input[type=search]").fill("m1.")
    assert all("m1.n" in row for row in shown.texts(rows))
    shown.tab.locator("#neurons").get_by_role("button", name="layer").click()
    with shown.tab.expect_download() as saving:
        shown.tab.locator("#neurons-csv").click()
    saving.value.save_as(tmp_path / "neurons.csv")
    with (tmp_path / "neurons.csv").open(newline="") as file:
        saved = list(csv.DictReader(file))
    assert {row["name"] for row in saved} == {name for name in run.scores.top_neurons(300).names if name[:3] == "m1."}
    # Three curves of circuits, with the random ones of two: each is a line or more.
    assert shown.count("#circuit svg.chart") == 2
    assert shown.count("#circuit svg.chart path.line.plain") == 2
    assert shown.count("#exact svg.chart circle") == 8
    assert shown.count("#edges tbody tr") == 6
    shown.tab.get_by_role("button", name="dark or light").click()
    assert shown.tab.evaluate("() => document.documentElement.dataset.theme") == "dark"
