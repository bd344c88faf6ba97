"""Information flow routes on one micro-batch: how much of what a destination reads is there because of each source.

Ferrando and Voita 2024 ("Information flow routes", arXiv:2403.00824), with the L1 norm::

    prox(u, v) = max(|in_v| - |in_v - o_u|, epsilon),   importance(u, v) = prox(u, v) / sum over sources of prox

at every position of the clean prompt, averaged over positions; at ``logits`` over those that are read. All heads of a
layer read one stream, and so have the same importances. No gradient, and no metric: an importance has no sign.
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from edgewise.engine.gradients.batch_passes import BatchScores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.metric_path import MetricPath
from edgewise.engine.run.sources import recorded_outputs
from edgewise.models import Model
from edgewise.models.norms import Norm

EPSILON = 1e-5


def flow_scores(model: Model, batch: Batch, metric: MetricPath, buffers: Buffers) -> BatchScores:
    """Importances of every edge, ``[batch, n_sources, n_destinations]``.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts; the corrupted ones are run for their metric alone.
        metric: asked for its value alone.
        buffers: not needed.
    """
    graph, blocks = model.graph, model.wiring.blocks
    sources = recorded_outputs(model, batch.clean)
    streams: dict[int, Tensor] = {}
    norms = [block.attention.norm for block in blocks] + [block.mlp.norm for block in blocks if block.mlp is not None]
    with borrowed(model.module) as hooks:
        for norm in (*norms, model.wiring.final_norm):
            hooks.before(norm.module, partial(_keep, streams, norm))
        clean_logits = logits_at(model, hooks, batch.clean, batch.answers)
    with borrowed(model.module) as hooks:
        corrupted_logits = logits_at(model, hooks, batch.corrupted, batch.answers)
    metric(clean_logits, clean_logits)
    scores = sources.new_zeros(batch.n_rows, graph.n_sources, graph.n_destinations)
    for layer, block in enumerate(blocks):
        before = sources[: graph.sources_before_attention(layer)]
        flow = _importance(before, streams[id(block.attention.norm.module)], batch.real)
        scores[:, : len(before), graph.attention(layer)] = flow[..., None]
        if block.mlp is not None:
            before = sources[: graph.sources_before_mlp(layer)]
            flow = _importance(before, streams[id(block.mlp.norm.module)], batch.real)
            scores[:, : len(before), graph.mlp(layer)] = flow
    final = batch.answers.read(streams[id(model.wiring.final_norm.module)])
    at_answers = torch.stack([batch.answers.read(source) for source in sources])
    scores[..., graph.logits] = _importance(at_answers, final, batch.answers.real)
    return BatchScores(scores, clean_logits, corrupted_logits)


def _keep(streams: dict[int, Tensor], norm: Norm, stream: Tensor) -> None:
    streams[id(norm.module)] = stream


def _importance(
    sources: Float[Tensor, "source batch pos d_model"],
    stream: Float[Tensor, "batch pos d_model"],
    real: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "batch source"]:
    stream, real = stream.to(sources.device, sources.dtype), real.to(sources.device)
    whole = stream.abs().sum(-1)
    prox = torch.stack([whole - (stream - source).abs().sum(-1) for source in sources]).clamp_min(EPSILON)
    share = prox / prox.sum(0)
    mean: Tensor = (share * real).sum(-1) / real.sum(-1)
    return mean.T
