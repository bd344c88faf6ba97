"""Stored runs of every shape of model, made without a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.runs.config import RunConfig
from edgewise.runs.selection import select
from edgewise.runs.shown_prompts import ShownPrompts, ShownRow, Tokens
from edgewise.runs.store.folder import Run
from edgewise.runs.store.record import Counts, ExactSummary, MetricSummary, PromptSummary, RunRecord
from edgewise.settings.selection import Selection

SPECS = {
    "sequential": GraphSpec(4, 4, 8),
    "parallel": GraphSpec(4, 4, 8, parallel=True),
    "grouped": GraphSpec(3, 8, 8, n_kv_heads=2),
    "attention-only": GraphSpec(4, 8, 8, has_mlp=False),
    "gpt2": GraphSpec(12, 12, 8),
}
MakeRun: TypeAlias = Callable[..., Run]


def edge_scores(spec: GraphSpec, seed: int = 0) -> EdgeScores:
    """Scores of both signs over several powers of ten, some of them exactly 0."""
    graph, rng = Graph(spec), np.random.default_rng(seed)
    values = rng.normal(size=graph.mask.shape) * np.exp(2 * rng.normal(size=graph.mask.shape))
    values[rng.random(values.shape) < 0.02] = 0.0
    return EdgeScores(graph, values, stderr=np.abs(values) / 5)


def node_scores(spec: GraphSpec, seed: int = 0) -> NodeScores:
    graph, rng = Graph(spec), np.random.default_rng(seed)
    return NodeScores(graph, rng.normal(size=graph.n_sources))


def make_run(
    shape: str = "sequential", top: int = 20, level: str = "edge", folder: Path = Path("run"), **of: Any
) -> Run:
    """A finished run; `of` goes into its config."""
    spec = SPECS[shape]
    scores = edge_scores(spec) if level == "edge" else node_scores(spec)
    settings: dict[str, Any] = {
        "model": "tiny",
        "task": "ioi",
        "method": "eap",
        "level": level,
        "selection": Selection(top=top),
    }
    config = RunConfig(**settings | of)
    circuit = select(scores, config.selection)
    return Run(folder, record(config, circuit), scores, circuit)


def make_checked_run(shape: str = "sequential", level: str = "edge", n: int = 30, top: int = 12) -> Run:
    """A finished run in which the exact effects of every other of the largest scores were measured."""
    spec = SPECS[shape]
    scores = edge_scores(spec) if level == "edge" else node_scores(spec)
    verified = np.zeros(scores.values.shape, dtype=np.bool_)
    verified.flat[np.argsort(-np.abs(scores.values), axis=None)[: 2 * n : 2]] = True
    estimated = np.where(verified, scores.values / 2, scores.values)
    checked = replace(scores, verified=verified, estimated=estimated)
    settings: dict[str, Any] = {"level": level, "selection": Selection(top=top), "exact": n}
    config = RunConfig(model="tiny", task="ioi", method="eap", **settings)
    circuit = select(checked, config.selection)
    summary = ExactSummary(n, int(np.isfinite(scores.values).sum()), "secant", 0.75, 0.5, 0.96)
    return Run(Path("run"), record(config, circuit, summary), checked, circuit)


def record(config: RunConfig, circuit: Circuit, exact: ExactSummary | None = None) -> RunRecord:
    graph = circuit.graph
    counts = Counts(graph.n_edges, graph.n_sources, graph.n_destinations, circuit.n_edges, len(circuit.nodes()))
    return RunRecord(
        config=config,
        identity={"model": "ab" * 32, "data": None},
        versions={"edgewise": "0.1.0"},
        model={"architecture": "GPT2LMHeadModel"},
        prompts=PromptSummary("ioi", 100, 0, False, "cd" * 32, {"task": "ioi", "seed": 0}, shown_prompts()),
        metric=MetricSummary("logit-diff", 3.25, 0.125, -0.5, None),
        counts=counts,
        rule=config.selection.describe(config.level),
        stability=None,
        exact=exact,
        batch_size=32,
        passes=None,
        timing={"scoring": 0.25, "total": 0.5},
        warnings=(),
        finished="2024-05-01T10:00:00+00:00",
    )


def shown_prompts() -> ShownPrompts:
    """Of a hundred prompts the first: tokens with spaces, an end of a line, and signs that mean much in HTML."""
    clean = Tokens((0, 3, 4, 5), ("<s>", "He", " saw", "\n"))
    corrupted = Tokens((0, 3, 6, 5), ("<s>", "He", " had & had", "\n"))
    row = ShownRow(1, clean, corrupted, (2,), (3,), Tokens((7,), (" Mary",)), Tokens((8,), (" <John>",)))
    return ShownPrompts(100, 4, 9, (2, 3, 4, 7), 1, 3, (row,), against=(5, 12))


def with_circuit(run: Run, circuit: Circuit) -> Run:
    return replace(run, circuit=circuit, record=record(run.config, circuit))


@pytest.fixture(params=sorted(SPECS))
def shape(request: pytest.FixtureRequest) -> str:
    """Every shape of model in turn."""
    name: str = request.param
    return name
