"""What a notebook shows of values: complete, small, and text of other people as nothing but text."""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_values import PROMPTS, SPREAD, a_comparison, a_record, a_verification, an_evaluation

from edgewise.evaluation.result import Evaluation
from edgewise.evaluation.smallest.target import SizePoint, Target
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronScores
from edgewise.graph.selection import top_n
from edgewise.notebook import VIEWS, ShownInNotebook
from edgewise.report.pictures import draw_circuit
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.plan.plan import Asked, Memory, Plan, Size
from edgewise.runs.sized import Sized, sized
from edgewise.runs.store.folder import Run
from edgewise.runs.store.neuron_record import NeuronCounts, NeuronRecord
from edgewise.runs.store.neurons import NeuronRun
from edgewise.tasks import PromptPair, PromptSet

HOSTILE = '<img src=x onerror="alert(1)">\x1b[31m\u202e'
GRAPH = Graph(GraphSpec(2, 2, 8))
ASKED = {"level": "edge", "verified": 0, "top": 0, "seed": 0}


class Tags(HTMLParser):
    """Counts tags and keeps text; closing a tag that is not open fails."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class Words:
    """A tokenizer of which every token is hostile."""

    def decode(self, ids: list[int]) -> str:
        return HOSTILE + "".join(map(str, ids))

    def convert_ids_to_tokens(self, token: int) -> str:
        return f"{HOSTILE}{token}"


def scores(**known: Any) -> EdgeScores:
    values = np.where(GRAPH.mask, np.arange(GRAPH.mask.size, dtype=float).reshape(GRAPH.mask.shape), np.nan)
    return EdgeScores(GRAPH, values, **known)


def prompts() -> PromptSet:
    pair = PromptPair(clean=(1, 2, 3), corrupted=(1, 4, 3), answers=(5,), wrong_answers=(6,), row=1)
    return PromptSet(HOSTILE, (pair,) * 5, metric=HOSTILE, warnings=(HOSTILE,), tokenizer=Words())


def evaluation() -> Evaluation:
    found = an_evaluation()
    four = {name: getattr(found, name) for name in ("full", "empty", "circuit", "complement")}
    shares = {"faithfulness": None, "faithfulness_stderr": None, "completeness": 0.5, "completeness_stderr": 0.1}
    rest: dict[str, Any] = {"curve": None, "no_curve": None, "minimality": None, "batch_size": 3}
    return Evaluation(HOSTILE, "zero", 3, 10, 4, **four, **shares, **rest, warnings=(HOSTILE,))


def a_sized() -> Sized:
    measured = tuple(SizePoint(size, size, 1.0, size / 10, 0.1, 1.0 / (1 + size), None) for size in (0, 5, 9))
    how: dict[str, Any] = {"metric": "kl", "counted": "edges", "prompts": PROMPTS, "versions": {}}
    return sized(Target("faithfulness", 0.8), measured[2], True, measured, **how)


def a_run(folder: Path) -> Run:
    record, circuit = a_record(), top_n(scores(), 7)
    config = replace(record.config, model=HOSTILE)
    hostile = replace(record, config=config, notes=(HOSTILE,), warnings=(HOSTILE,), rule=HOSTILE)
    return Run(folder / HOSTILE, hostile, scores(), circuit)


def neuron_scores() -> NeuronScores:
    graph = NeuronGraph(GRAPH.spec, (5,) * GRAPH.spec.n_layers)
    return NeuronScores(graph, np.arange(graph.n_nodes, dtype=float))


def a_neuron_run(folder: Path) -> NeuronRun:
    said, scores = a_record(), neuron_scores()
    circuit = scores.best(3)
    counts = NeuronCounts(scores.graph.n_heads, scores.graph.n_neurons, circuit.n_heads, circuit.n_neurons)
    same = {name: getattr(said, name) for name in ("identity", "versions", "model", "metric", "timing", "finished")}
    record = NeuronRecord(
        config=replace(said.config, model=HOSTILE, level="neuron"),
        prompts=replace(said.prompts, name=HOSTILE),
        counts=counts,
        rule=HOSTILE,
        exact=None,
        circuit=tuple(circuit),
        batch_size=2,
        warnings=(HOSTILE,),
        **same,
    )
    return NeuronRun(folder / HOSTILE, record, scores, circuit)


def a_plan() -> Plan:
    size, asked = Size(HOSTILE, 10, 2, 20, 3, 4), Asked(HOSTILE, 5, 7, HOSTILE)
    rest: dict[str, Any] = {"disk": 9, "fits": False, "advice": (HOSTILE,), "at_most": False, "passes": None}
    rest |= {"devices": 1, "processes": 1, "flops": 0.0, "seconds": None, "batch_size": 3, "room": 4}
    memory = Memory(*range(1, 8))
    return Plan(HOSTILE, size, asked, method="eap", dtype="float32", where="here", memory=memory, **rest)


def everything(folder: Path) -> list[ShownInNotebook]:
    """A value of every kind, with hostile text wherever somebody else's text goes."""
    evaluated = an_evaluation()
    evaluated = replace(
        evaluated,
        metric=HOSTILE,
        notes=(HOSTILE,),
        prompts=replace(evaluated.prompts, what=HOSTILE),
        warnings=(HOSTILE,),
    )
    verification = a_verification()
    effects = (replace(verification.effects[0], name=HOSTILE),)
    comparison = a_comparison()
    runs = tuple(replace(run, folder=HOSTILE, method=HOSTILE, metric=HOSTILE) for run in comparison.runs)
    return [
        scores(),
        scores().top(3),
        NodeScores(GRAPH, np.arange(GRAPH.n_sources, dtype=float)),
        Circuit.full(GRAPH),
        draw_circuit(Circuit.full(GRAPH), title=HOSTILE),
        prompts(),
        evaluation(),
        evaluated,
        replace(verification, verdict=HOSTILE, metric=HOSTILE, effects=effects, asked=ASKED),
        replace(comparison, model=HOSTILE, metric=HOSTILE, runs=runs, notes=(HOSTILE,)),
        replace(a_sized(), metric=HOSTILE, counted=HOSTILE),
        a_run(folder),
        neuron_scores(),
        a_neuron_run(folder),
        a_plan(),
    ]


def test_every_kind_has_a_view_and_a_value_here(tmp_path: Path) -> None:
    assert {type(value).__name__ for value in everything(tmp_path)} == set(VIEWS)
    for name in VIEWS:
        assert callable(VIEWS.load(name))


@pytest.mark.parametrize("at", range(len(VIEWS)))
def test_text_of_other_people_is_text(at: int, tmp_path: Path) -> None:
    value = everything(tmp_path)[at]
    html = value._repr_html_()
    tags = Tags(html)
    assert set(tags.seen) <= set("p b br table thead tbody tr th td mark u details summary img".split())
    assert re.search(r"<img(?! src=\"data:image/svg)", html) is None
    assert "\x1b" not in html
    assert "\u202e" not in html
    if type(value).__name__ not in ("EdgeScores", "NodeScores", "NeuronScores", "RankedScores", "Circuit", "Drawing"):
        assert "onerror" in tags.text  # it is there, as text


@pytest.mark.parametrize("at", range(len(VIEWS)))
def test_no_value_shows_pages_of_numbers(at: int, tmp_path: Path) -> None:
    said = repr(everything(tmp_path)[at])
    assert len(said) < 600
    assert "array(" not in said


def test_what_a_run_keeps_is_short_too(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert len(repr(run.record)) < 300
    assert len(repr(run.record.prompts)) < 600
    assert len(repr(run.config)) < 600


def test_the_best_scores_stand_in_a_table_with_what_is_known_of_them() -> None:
    verified = np.zeros_like(GRAPH.mask)
    verified[GRAPH.edge("m1->logits")] = True
    html = scores(
        stderr=np.full(GRAPH.mask.shape, 0.25), verified=verified, estimated=scores().values / 2
    )._repr_html_()
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    cells = [re.sub("<[^>]*>", " ", row).split() for row in rows]
    largest = f"{scores()['m1->logits']:.4f}"
    assert cells[0] == ["#", "edge", "score", "stderr", "estimate", "score", "is"]
    assert cells[1] == ["1", "m1-&gt;logits", largest, "0.2500", f"{scores()['m1->logits'] / 2:.4f}", "exact"]
    assert [row[-1] for row in cells[2:]] == ["estimate"] * 9


def test_a_circuit_is_a_small_picture_of_its_edges() -> None:
    html = top_n(scores(), 5)._repr_html_()
    (coded,) = re.findall(r'base64,([^"]+)"', html)
    drawn = base64.b64decode(coded).decode()
    assert drawn.startswith("<?xml") or drawn.startswith("<svg")
    assert drawn.count('class="edge') >= 5 or drawn.count("<path") >= 5
    assert "img" not in Tags(Circuit.empty(GRAPH)._repr_html_()).seen
    large = Circuit.full(Graph(GraphSpec(4, 4, 8)))
    assert len(large) > 100
    assert "draw_circuit" in large._repr_html_()
    assert "img" not in Tags(large._repr_html_()).seen


def test_tokens_that_differ_are_marked() -> None:
    html = prompts()._repr_html_()
    assert Tags(html).seen["mark"] == 2 * 3  # one token in three prompts, clean and corrupted
    assert "5 prompts" in html


def test_a_run_of_a_real_folder(config: RunConfig, tmp_path: Path) -> None:
    run = discover(config, tmp_path / "run")
    html = run._repr_html_()
    assert f"{run.circuit.n_edges:,} of {run.circuit.graph.n_edges:,} edges" in html
    assert Tags(html).seen["img"] == 1
    assert repr(run) == (
        f"Run({str(run.folder)!r}: {config.model} on {run.record.prompts.name}, eap,"
        f" {run.circuit.n_edges} of {run.circuit.graph.n_edges} edges)"
    )


def test_a_curve_is_folded_away() -> None:
    tags = Tags(an_evaluation()._repr_html_())
    assert tags.seen["details"] == 1
    assert SPREAD.mean == 0.25
