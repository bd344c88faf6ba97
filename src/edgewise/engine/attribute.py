"""The per-prompt edge scores of one micro-batch: two forward passes, one backward pass, one product a layer.

1. Run the corrupted prompts; keep what the sources wrote, and the keys and values of the prefix that no pair of the
   micro-batch changes.
2. Run the clean prompts from the first difference on, with taps at every destination. In a causal model nothing before
   it can contribute, and what later tokens read of it is in the cache.
3. Take ``o'_u - o_u`` for every source (Syed et al. 2023, equation 4: the difference a patch would make).
4. Run the backward pass; as each destination's gradient arrives, multiply it with the differences of the sources that
   precede it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.gradients import DestinationGradient, DifferentiableRun
from edgewise.engine.hooks import borrowed
from edgewise.engine.products import edge_products
from edgewise.engine.replacement import corrupted_run
from edgewise.engine.sources import source_changes
from edgewise.errors import ModelError
from edgewise.graph import Graph
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


def edge_scores(model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers) -> BatchScores:
    """Edge attribution patching on one micro-batch: ``sum over pos, d_model of (o'_u - o_u) * dL/d(in_v)``.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: from the clean logits to ``dL/dlogits`` of each prompt's own L (same shape).
        buffers: memory that several micro-batches use one after the other.
    """
    wiring, graph, answers = model.wiring, model.graph, batch.answers.shifted(batch.start)
    corrupted, corrupted_logits, cache = corrupted_run(model, batch)
    with borrowed(model.module) as hooks:
        clean = DifferentiableRun(hooks, wiring, graph, answers, buffers)
        clean.forward(batch.clean[:, batch.start :], cache)
        changes = source_changes(
            wiring,
            graph,
            clean.sources,
            corrupted,
            answers=answers,
            differs=batch.differs,
            buffers=buffers,
        )
        # Nothing needs them any more, and the backward pass is when memory is short.
        clean.sources.clear()
        corrupted.clear()
        scores = changes.everywhere.new_zeros(batch.n_rows, graph.n_sources, graph.n_destinations)

        reached = torch.zeros(graph.n_destinations, dtype=torch.bool)

        def consume(at: DestinationGradient) -> None:
            reached[at.columns] = True
            known = changes.at_answers if at.at_answers else changes.everywhere
            scores[at.rows, : at.n_sources, at.columns] = edge_products(known[: at.n_sources, at.rows], at.gradient)

        logits = clean.logits.detach()
        gradient = logit_gradient(logits)
        scale = _range_for(gradient, logits.dtype)
        clean.backward(gradient * scale[:, None, None], consume)
    _require_all(reached, graph)
    return BatchScores(scores / scale[:, None, None], logits, corrupted_logits)


def _range_for(gradient: Tensor, dtype: torch.dtype) -> Float[Tensor, " batch"]:
    """A power of two for every prompt that brings its gradient into the range of half precision; else one."""
    if dtype not in (torch.float16, torch.bfloat16):
        return gradient.new_ones(len(gradient))
    largest = gradient.abs().amax((1, 2))
    return torch.where(largest > 0, torch.exp2(-torch.floor(torch.log2(largest))), torch.ones_like(largest))


def _require_all(reached: Tensor, graph: Graph) -> None:
    """Refuse scores that lack a destination: the model is no longer the one that was wired."""
    missing = [graph.destinations[column] for column in (~reached).nonzero()[:, 0].tolist()]
    if missing:
        raise ModelError(
            f"no gradient reached {', '.join(missing[:4])}{' ...' if missing[4:] else ''}: modules of the model were"
            " replaced after it was loaded; call load_model on the module as it is now"
        )
