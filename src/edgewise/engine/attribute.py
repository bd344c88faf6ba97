"""The per-prompt edge scores of one micro-batch: two forward passes, one backward pass, one product a layer.

1. Run the corrupted prompts; keep what the sources wrote.
2. Run the clean prompts with taps at every destination.
3. Take ``o'_u - o_u`` for every source (Syed et al. 2023, equation 4: the difference a patch would make).
4. Run the backward pass; as each destination's gradient arrives, multiply it with the differences of the sources that
   precede it. Positions before the first difference of the pairs are left out: there the difference is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.batches import Batch
from edgewise.engine.forward import logits_at
from edgewise.engine.gradients import DestinationGradient, DifferentiableRun
from edgewise.engine.hooks import borrowed
from edgewise.engine.products import edge_products
from edgewise.engine.sources import SourceOutputs, source_differences
from edgewise.models import Model

LogitGradient = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class BatchScores:
    """What one micro-batch gives.

    Args:
        edges: ``[batch, n_sources, n_destinations]``, zero where no edge exists.
        clean_logits: ``[batch, n_positions, vocab]``.
        corrupted_logits: likewise.
    """

    edges: Float[Tensor, "batch source destination"]
    clean_logits: Float[Tensor, "batch n_positions vocab"]
    corrupted_logits: Float[Tensor, "batch n_positions vocab"]


def edge_scores(model: Model, batch: Batch, logit_gradient: LogitGradient) -> BatchScores:
    """Edge attribution patching on one micro-batch: ``sum over pos, d_model of (o'_u - o_u) * dL/d(in_v)``.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: from the clean logits to ``dL/dlogits`` of each prompt's own L (same shape).
    """
    wiring, graph = model.wiring, model.graph
    with borrowed(model.module) as hooks:
        corrupted = SourceOutputs()
        corrupted.record(hooks, wiring)
        corrupted_logits = logits_at(model, hooks, batch.corrupted, batch.positions)
    with borrowed(model.module) as hooks:
        clean = DifferentiableRun(hooks, wiring, graph, batch.positions, batch.span)
        clean.forward(batch.clean)
        differences = source_differences(wiring, graph, clean.sources, corrupted, batch.span)
        scores = differences.new_zeros(batch.n_rows, graph.n_sources, graph.n_destinations)

        def consume(at: DestinationGradient) -> None:
            known = differences[: at.n_sources, at.rows]
            if isinstance(at.positions, Tensor):
                known = known[:, torch.arange(batch.n_rows)[:, None], at.positions - batch.start]
            scores[at.rows, : at.n_sources, at.columns] = edge_products(known, at.gradient)

        logits = clean.logits.detach()
        clean.backward(logit_gradient(logits), consume)
    return BatchScores(scores, logits, corrupted_logits)
