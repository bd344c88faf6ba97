"""The per-prompt edge scores of one micro-batch: two forward passes, one backward pass, one product a layer.

1. Run the corrupted prompts; keep what the sources wrote, and the keys and values of the prefix that no pair of the
   micro-batch changes.
2. Run the clean prompts from the first difference on, with taps at every destination. In a causal model nothing before
   it can contribute, and what later tokens read of it is in the cache.
3. Take ``o'_u - o_u`` for every source (Syed et al. 2023, equation 4: the difference a patch would make).
4. Run the backward pass; as each destination's gradient arrives, multiply it with the differences of the sources that
   precede it.

With other gradient points than the clean run (`engine.gradients.points`), 4. happens in those runs, and their scores
are summed: the corrupted run has taps too where it is a point, and each point between the two is one more run.

Where keys and values are kept apart by reader: `edgewise.engine.gradients.readers`.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.engine.gradients.batch_passes import BatchPasses, BatchScores, LogitGradient, backward
from edgewise.engine.gradients.edge_sums import Tally
from edgewise.engine.gradients.points import CLEAN, GradientPoint, between, weight_at
from edgewise.engine.gradients.readers import reader_scores
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.models import Model

__all__ = ["BatchScores", "LogitGradient", "edge_scores"]


def edge_scores(
    model: Model, batch: Batch, logit_gradient: LogitGradient, buffers: Buffers, points: Sequence[GradientPoint] = CLEAN
) -> BatchScores:
    """``sum over pos, d_model of (o'_u - o_u) * dL/d(in_v)`` on one micro-batch, the gradient summed over points.

    Args:
        model: the model; untouched afterwards.
        batch: the prompts.
        logit_gradient: from a run's logits and the clean run's to ``dL/dlogits`` of each prompt's own L (same shape).
        buffers: memory that several micro-batches use one after the other.
        points: where gradients are taken, and their weights; the clean run by default, which is EAP.
    """
    if batch.places is not None and batch.places.readers and points is CLEAN:
        return reader_scores(model, batch, logit_gradient, buffers)
    passes = BatchPasses(model, batch, buffers, reuse_prefix=points is not CLEAN)
    at_clean, at_corrupted = weight_at(points, 1.0), weight_at(points, 0.0)
    runs = []
    if at_corrupted:
        passes.run_prefix()
        run = passes.differentiable(batch.corrupted)
        runs.append((run, at_corrupted))
        corrupted, corrupted_logits = run.sources, run.logits.detach()
    else:
        corrupted, corrupted_logits = passes.corrupted()
    if at_clean:
        run = passes.differentiable(batch.clean)
        runs.append((run, at_clean))
        clean, clean_logits = run.sources, run.logits.detach()
    else:
        clean, clean_logits = passes.plain(batch.clean)
    embedding = corrupted.embedding
    tally = Tally(model.graph, passes.changes(clean, corrupted), buffers, batch.places)
    for run, weight in reversed(runs):
        backward(run, logit_gradient, clean_logits, weight, tally)
    for point in between(points):
        backward(passes.mixed(embedding, point.clean), logit_gradient, clean_logits, point.weight, tally)
    tally.require_all()
    return BatchScores(tally.scores, clean_logits, corrupted_logits)
