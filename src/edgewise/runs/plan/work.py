"""The pieces of work that a plan is made of, as the engine does them on one micro-batch: for dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from edgewise.attribution import METHODS
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.partial.incremental import RunningCircuit
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.replacement import corrupted_run, resample_from
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.tasks import PromptPair

CPU = torch.device("cpu")
Pairs = Sequence[PromptPair]


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
def patched(model: Model, pairs: Pairs, metric: Metric) -> object:
    """The clean and the corrupted run, and as many edges patched at once as are, where a run is longest."""
    batch, graph = _batch(model, pairs), model.graph
    outputs, _, cache = corrupted_run(model, batch)
    tokens = batch.metric.of_answers()[0] if metric.answers_alone else None
    patches = SinglePatches(model, resample_from(batch, outputs, cache), tokens)
    return patches.edges([(graph.input_source, graph.v(0).start)] * _at_once(batch)), outputs


@torch.no_grad()
def removed(model: Model, pairs: Pairs, metric: Metric) -> object:
    """A circuit at hand, and trials of removals from it; what is kept of the prompts is given back."""
    batch, graph = _batch(model, pairs), model.graph
    outputs, _, cache = corrupted_run(model, batch)
    tokens = batch.metric.of_answers()[0] if metric.answers_alone else None
    running = RunningCircuit(model, resample_from(batch, outputs, cache), tokens)
    del outputs
    running.begin(graph.mask)
    running.trial(graph.v(0).start, [], [graph.input_source] * _at_once(batch))
    return running


def is_straight(metric: Metric, model: Model, pairs: Pairs) -> bool:
    """Whether a metric is linear in the logits, by random ones."""
    batch = Batch.of(pairs[:1], CPU)
    path, random = MetricPath(metric, batch.metric), torch.Generator().manual_seed(0)
    clean, corrupted = torch.randn(2, 1, batch.positions.shape[1], model.output_size, generator=random)
    return path.is_straight(clean, corrupted, path(clean, clean))


def _batch(model: Model, pairs: Pairs) -> Batch:
    return Batch.of(pairs, CPU, causal=model.wiring.causal)


def _at_once(batch: Batch) -> int:
    return max(1, most_tokens(CPU) // (batch.n_rows * (batch.clean.shape[1] - batch.start)))
