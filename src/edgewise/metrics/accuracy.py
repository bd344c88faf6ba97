"""Top-1 accuracy over the full vocabulary."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def accuracy(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """1 where the most likely of all tokens is one of the answers, else 0.

    Averaged over the positions read. It has no gradient.
    """
    best = logits.argmax(-1)
    hits = (best[..., None] == batch.answers[:, None, :]) & batch.answers_mask[:, None, :]
    return mean_over_positions(hits.any(-1).to(logits.dtype), batch.position_mask)


ACCURACY = Metric(
    name="accuracy",
    fn=accuracy,
    summary="1 where the most likely token of the full vocabulary is an answer, else 0",
    needs=("answers",),
    flat_at_clean="accuracy is a step function of the logits, so its gradient is zero everywhere",
    flat_everywhere=True,
)
