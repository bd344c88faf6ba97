"""Log probability of the right answers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import log_probabilities, mean_over_positions


def log_prob(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Natural logarithm of the summed probability of the answers.

    log of the sum over a in A of p(a), p the softmax over the full vocabulary, averaged over the positions
    read. For one answer this is minus its cross-entropy.
    """
    each = log_probabilities(logits, batch.answers)
    real = each.masked_fill(~batch.answers_mask[:, None, :], float("-inf"))
    return mean_over_positions(torch.logsumexp(real, -1), batch.position_mask)


LOG_PROB = Metric(
    name="log-prob",
    fn=log_prob,
    summary="log of the summed probability of the answers",
    needs=("answers",),
)
