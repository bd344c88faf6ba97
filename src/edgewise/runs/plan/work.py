"""The pieces of work that a plan is made of, as the engine does them on one micro-batch: for dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from edgewise.attribution import METHODS
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.replacement import corrupted_run, resample_from
from edgewise.graph import Graph
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.search.exact.patching import Measure
from edgewise.search.exact.targets import Targets, cost_of
from edgewise.tasks import PromptPair

CPU = torch.device("cpu")
Pairs = Sequence[PromptPair]
# Of patched runs, those that begin in the first layer and those that begin in the last.
Run = Literal["longest", "shortest"]
Runs = Sequence[Run]


def estimate(model: Model, pairs: Pairs, method: str, settings: Mapping[str, Any], metric: Metric) -> object:
    """What a method of attribution does."""
    batch = _batch(model, pairs)
    return METHODS.load(method).with_settings(settings)(model, batch, MetricPath(metric, batch.metric), Buffers())


def forward(model: Model, pairs: Pairs) -> object:
    """The plain forward pass, from the first difference on."""
    batch = _batch(model, pairs)
    with borrowed(model.module) as hooks:
        return logits_at(model, hooks, batch.clean[:, batch.start :], batch.answers.shifted(batch.start))


@torch.no_grad()
def patched(model: Model, pairs: Pairs, metric: Metric, runs: Runs = ()) -> object:
    """The clean and the corrupted run, and runs of as many patched edges as are run at a time."""
    graph, columns = model.graph, {run: _column(model.graph, run) for run in get_args(Run)}
    chosen = np.zeros_like(graph.mask)
    chosen[graph.input_source, list(columns.values())] = True
    targets = Targets.edges(graph, chosen)
    opened = Measure(model, metric, targets, "edge").open(_batch(model, pairs))
    for run in runs:
        opened.measure([targets.places.index((graph.input_source, columns[run]))] * at_once(pairs))
    return opened


@torch.no_grad()
def removed(model: Model, pairs: Pairs, metric: Metric, runs: Runs = ()) -> object:
    """A circuit at hand, and tests of an edge; what is kept of the prompts is given back."""
    batch, graph = _batch(model, pairs), graph_for(model, pairs)
    outputs, _, cache = corrupted_run(model, batch)
    running = RunningCircuit(model, resample_from(batch, outputs, cache), _tokens(batch, metric))
    del outputs
    running.begin(graph.mask)
    for run in runs:
        running.trial((_column(graph, run), 0)[: graph.mask.ndim - 1], [], [graph.input_source])
    return running


def share_of(graph: Graph, run: Run) -> float:
    """How much of a forward pass such a run takes, by its layers."""
    chosen = np.zeros_like(graph.mask)
    chosen[graph.input_source, _column(graph, run)] = True
    return cost_of(graph, chosen)


def _column(graph: Graph, run: Run) -> int:
    last = graph.spec.n_layers - 1
    return graph.logits if run == "shortest" and last == 0 else graph.v(0 if run == "longest" else last).start


def at_once(pairs: Pairs) -> int:
    """How many patched edges are run at a time."""
    first = min(min(pair.first_difference(), *pair.positions) for pair in pairs)
    return max(1, most_tokens(CPU) // (len(pairs) * (max(max(pair.positions) for pair in pairs) + 1 - first)))


def is_straight(metric: Metric, model: Model, pairs: Pairs) -> bool:
    """Whether a metric is linear in the logits, by random ones."""
    batch = Batch.of(pairs[:1], CPU)
    path, random = MetricPath(metric, batch.metric), torch.Generator().manual_seed(0)
    clean, corrupted = torch.randn(2, 1, batch.positions.shape[1], model.output_size, generator=random)
    return path.is_straight(clean, corrupted, path(clean, clean))


def _batch(model: Model, pairs: Pairs) -> Batch:
    return Batch.of(pairs, CPU, causal=model.wiring.causal)


def _tokens(batch: Batch, metric: Metric) -> Tensor | None:
    return batch.metric.of_answers()[0] if metric.answers_alone else None
