"""MIB's numbers equal a second implementation of its published scoring, from the submitted file on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from bruteforce.from_hf import from_hf
from bruteforce.scores import logit_diff
from bruteforce.transformer import Patch, Transformer, run
from edgewise.errors import FormatError, RunError
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.report.page.run import run_page
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.evaluated_circuit import circuit_of_file, circuit_of_run
from edgewise.runs.exchange import eap_ig_json
from edgewise.runs.exchange.format import About, Exchanged
from edgewise.runs.exchange.leaving import export
from edgewise.runs.exchange.mib import PERCENT, folder_name, write_circuits
from edgewise.runs.mib import METRIC, evaluate_mib
from edgewise.runs.store.files import write_circuit

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
PAIRS = tiny.prompts(7)


def node(destination: str) -> str:
    return destination.partition("<")[0]


def pruned(edges: set[str]) -> set[str]:
    """Nodes without a parent, or without a child, go with their edges until none is left."""
    while True:
        ends = [edge.split("->") for edge in edges]
        fed, read = {node(b) for _, b in ends} | {"input"}, {a for a, _ in ends} | {"logits"}
        kept = {f"{a}->{b}" for a, b in ends if a in fed and node(b) in read}
        if kept == edges:
            return kept
        edges = kept


def mean_metric(twin: Transformer, graph: Graph, kept: set[str]) -> float:
    """Mean logit difference with every other edge carrying its source's corrupted output."""
    mask = torch.tensor(graph.mask.copy())
    for name in kept:
        mask[graph.edge(name)] = False
    values = []
    for pair in PAIRS:
        with torch.no_grad():
            corrupted = run(twin, torch.tensor([pair.corrupted])).outputs
            logits = run(twin, torch.tensor([pair.clean]), Patch(mask[None].double(), dict(corrupted))).logits
        values.append(float(logit_diff(logits[0, list(pair.positions)], pair)))
    return float(np.mean(values))


def areas(file: Path, twin: Transformer, graph: Graph) -> tuple[float, float]:
    """CPR by the sign in the file, CMD by sizes."""
    scores = {name: edge["score"] for name, edge in json.loads(file.read_text())["edges"].items()}
    full, empty = mean_metric(twin, graph, set(scores)), mean_metric(twin, graph, set())
    found = []
    for absolute in (False, True):
        ranked = sorted(scores, key=lambda name: -(abs(scores[name]) if absolute else scores[name]))
        f = []
        for share in FRACTIONS:
            kept = pruned(set(ranked[: int(share * len(scores))]))
            f.append((mean_metric(twin, graph, kept) - empty) / (full - empty))
        y = [abs(1 - one) for one in f] if absolute else f
        found.append(sum((FRACTIONS[i + 1] - FRACTIONS[i]) * (y[i] + y[i + 1]) / 2 for i in range(len(y) - 1)))
    return found[0], found[1]


def test_both_areas_equal_a_second_implementation(config: RunConfig, tmp_path: Path) -> None:
    found = discover(replace(config, dtype="float64", metric=METRIC), tmp_path / "run")
    (file,) = export(found.folder, "mib", tmp_path / "submission").files
    ours = evaluate_mib(circuit_of_run(found.folder, {}), found.folder)
    cpr, cmd = areas(Path(file), from_hf(tiny.gpt2()), found.circuit.graph)
    assert ours.cpr == pytest.approx(cpr, rel=1e-6)
    assert ours.cmd == pytest.approx(cmd, rel=1e-6)
    written = sorted(path.name for path in found.folder.glob("mib*.json"))
    assert written == ["mib-signed.json", "mib-sizes.json"]
    again = evaluate_mib(circuit_of_run(found.folder, {}), found.folder)
    assert again.signed.reused
    assert again.sizes.reused
    page = run_page(found)
    said = dict(page.since)["MIB's protocol"]
    assert said.startswith(f"CPR {ours.cpr:.4f} (by sign), CMD {ours.cmd:.4f} (by size); ")
    drawn = {curve.name: [point.faithfulness for point in curve.points] for curve in page.curves}
    for title, one in (("MIB, by sign, pruned", ours.signed), ("MIB, by size, pruned", ours.sizes)):
        assert drawn[title] == pytest.approx([point.faithfulness for point in one.results.curve or ()], rel=1e-4)


def test_a_circuit_without_scores_has_no_areas(config: RunConfig, tmp_path: Path) -> None:
    found = discover(config, tmp_path / "run")
    write_circuit(tmp_path / "bare.json", found.circuit)
    given: dict[str, Any] = {"model": config.model, "data": config.data}
    with pytest.raises(RunError, match="no scores to rank edges by; MIB's areas need a score of every edge"):
        evaluate_mib(circuit_of_file(tmp_path / "bare.json", given), None)


def test_nine_circuits_hold_no_more_than_their_share_of_query_heads() -> None:
    graph = Graph(GraphSpec(3, 4, 8, n_kv_heads=2))
    values = np.random.default_rng(1).normal(size=graph.mask.shape)
    about = About(model="google/gemma-2-2b", task="addition")
    files = write_circuits(Exchanged(graph, None, EdgeScores(graph, values), about))
    assert list(files) == [f"arithmetic-addition_gemma2/{percent}.json" for percent in PERCENT]
    total = 3 * 12 * 1 + 12 * 5 + 12 * 10 + (5 + 10 + 15) + 16  # into q, k and v of three layers, MLPs, logits
    before: set[str] = set()
    for percent, content in zip(PERCENT, files.values(), strict=True):
        edges = json.loads(content)["edges"]
        assert len(edges) == total
        assert {frozenset(edge) for edge in edges.values()} == {frozenset({"in_graph"})}
        kept = {name for name, edge in edges.items() if edge["in_graph"]}
        assert len(kept) <= percent / 100 * total
        assert kept == pruned(kept)
        assert set(eap_ig_json.read(content, Graph(GraphSpec(3, 4, 8))).whole_circuit()) == kept
        assert before <= kept
        before = kept
    assert before


def test_names_are_the_benchmarks() -> None:
    assert folder_name(About(model="openai-community/gpt2", task="ioi")) == "ioi_gpt2"
    assert folder_name(About(model="meta-llama/Llama-3.1-8B", task="arc-easy")) == "arc-easy_llama3"
    assert folder_name(About(name="mine", model="./models/own one")) == "mine_own-one"


def test_scores_of_some_edges_are_refused() -> None:
    graph = Graph(GraphSpec(1, 2, 4))
    values = np.where(np.arange(graph.n_sources) == 1, np.nan, 1.0)
    for scores in (None, NodeScores(graph, values, allow_unscored=True)):
        with pytest.raises(FormatError, match=r"these are of nodes|some have none"):
            write_circuits(Exchanged(graph, Circuit.empty(graph), scores))
