"""Example prompts beside a run: numbers as the model gives them, the odd prompts among them, heads of the circuit."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edgewise.errors import FormatError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.models import load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover, find_circuit
from edgewise.runs.examples import strongest_heads
from edgewise.runs.prompts import make_task
from edgewise.runs.store.examples import EXAMPLES, Examples, read_examples
from edgewise.runs.store.folder import Run
from edgewise.settings.selection import Selection

N = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = RunConfig("demo", task="ioi", n=N, method="eap", selection=Selection(top=30), evaluate=False)
    return discover(config, tmp_path_factory.mktemp("examples") / "run")


@pytest.fixture(scope="module")
def found(run: Run) -> Examples:
    examples = read_examples(run.folder)
    assert examples is not None
    return examples


def test_every_prompt_has_its_numbers(run: Run, found: Examples) -> None:
    model = load_model("demo")
    prompts = make_task("ioi", model, n=N)
    assert found.rows == tuple(pair.row or place for place, pair in enumerate(prompts, start=1))
    for pair, clean in zip(prompts, found.clean, strict=True):
        with torch.no_grad():
            logits = model.module(torch.tensor([pair.clean])).logits[0, pair.positions[-1]]
        expected = logits[list(pair.answers)].mean() - logits[list(pair.wrong_answers)].mean()
        assert clean == pytest.approx(float(expected), rel=1e-4)
    assert np.mean(found.clean) == pytest.approx(run.record.metric.clean, rel=1e-5)


def test_the_model_is_asked_about_the_first_and_the_lowest(found: Examples) -> None:
    lowest = np.argsort(found.clean)[:5]
    assert {one.place for one in found.prompts if one.likely} == {0, 1, 2, *lowest.tolist()}
    model = load_model("demo")
    one = next(one for one in found.prompts if one.likely)
    with torch.no_grad():
        logits = model.module(torch.tensor([one.shown.clean.ids])).logits[0, one.shown.positions[-1]]
    best = logits.softmax(-1).topk(5)
    assert one.likely is not None
    assert one.likely.tokens.ids == tuple(best.indices.tolist())
    assert one.likely.probabilities == pytest.approx(best.values.tolist(), rel=1e-4)


def test_of_many_long_prompts_few_tokens_are_kept(monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path) -> None:
    monkeypatch.setattr("edgewise.runs.examples.MOST_KEPT", 40)
    monkeypatch.setattr("edgewise.runs.examples.NUMBERED", 4)
    few = read_examples(discover(run.config, tmp_path / "few").folder)
    whole = read_examples(run.folder)
    assert few is not None
    assert whole is not None
    lowest = np.argsort(whole.clean)[:5]
    listed = sorted({0, 1, 2, 3, *lowest.tolist()})
    assert few.rows == tuple(whole.rows[place] for place in listed)
    assert few.clean == tuple(whole.clean[place] for place in listed)
    assert sum(len(one.shown.clean.ids) for one in few.prompts) <= 40
    assert {few.rows[one.place] for one in few.prompts} == {one.shown.row for one in few.prompts}
    assert min(few.clean) in {few.clean[one.place] for one in few.prompts}


def test_patterns_are_of_heads_of_the_circuit(run: Run, found: Examples) -> None:
    assert found.attention is not None
    names = {head.head for head in found.attention.heads}
    assert names <= set(run.circuit.nodes())
    assert names == {name for name in run.circuit.nodes() if name.startswith("a")}
    n = len(found.attention.tokens.ids)
    for head in found.attention.heads:
        weights = np.frombuffer(base64.b64decode(head.weights), np.uint8).reshape(n, n)
        assert np.abs(weights.sum(1) / 255 - 1).max() < 0.05
        assert not np.triu(weights, 1).any()


def test_comparisons_keep_none_and_replace_those_of_another_run(tmp_path: Path) -> None:
    config = RunConfig("demo", task="ioi", n=2, method="eap", selection=Selection(top=3), evaluate=False)
    find_circuit(config, tmp_path)
    assert read_examples(tmp_path) is None


def test_strongest_heads_by_what_they_write_or_read() -> None:
    graph = Graph(GraphSpec(2, 2, 8, n_kv_heads=1))
    values = np.zeros(graph.mask.shape)
    edges = {"a0.h0->a1.kv0<v>": 3.0, "input->a1.h1<q>": 5.0, "input->a0.h1<q>": 9.0, "a0.h0->logits": -1.0}
    for name, value in edges.items():
        values[graph.edge(name)] = value
    circuit = Circuit.from_edges(graph, [name for name in edges if "a0.h1" not in name])
    scores = EdgeScores(graph, values)
    assert strongest_heads(scores, circuit) == ("a1.h1", "a0.h0", "a1.h0")
    assert strongest_heads(scores, circuit, 1) == ("a1.h1",)
    of_nodes = NodeScores(graph, np.array([0, 1, 0, 0, -7, 3, 0], dtype=np.float64))
    assert strongest_heads(of_nodes, circuit) == ("a1.h0", "a1.h1", "a0.h0")


DAMAGES = {
    "'rows'": lambda values: values["clean"].pop(),
    "'rows': not one": lambda values: values["prompts"][0].update(place=99),
    "'shown'": lambda values: values["prompts"][0]["shown"]["clean"]["texts"].pop(),
    "'probabilities'": lambda values: values["prompts"][0]["likely"]["probabilities"].pop(),
    "'heads'": lambda values: values["attention"]["heads"][0].update(weights="AAAA"),
    "'heads': weights": lambda values: values["attention"]["heads"][0].update(weights="é"),
}


@pytest.mark.parametrize("said", DAMAGES)
def test_a_damaged_file_is_refused(run: Run, tmp_path: Path, said: str) -> None:
    values = json.loads((run.folder / EXAMPLES).read_text())
    DAMAGES[said](values)
    (tmp_path / EXAMPLES).write_text(json.dumps(values))
    with pytest.raises(FormatError, match=rf"examples\.json.*{said}"):
        read_examples(tmp_path)
