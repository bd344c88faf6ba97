"""Log probability of the right answers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import log_probabilities, masked_mass, masked_max, mean_over_positions


def log_prob(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Natural logarithm of the summed probability of the answers.

    log of the sum over a in A of p(a), p the softmax over the full vocabulary, averaged over the positions
    read. For one answer this is minus its cross-entropy.
    """
    each = log_probabilities(logits, batch.answers)
    return mean_over_positions(masked_mass(each, batch.answers_mask), batch.position_mask)


def log_prob_best(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Natural logarithm of the probability of the likeliest answer: max over a in A of log p(a), likewise."""
    each = log_probabilities(logits, batch.answers)
    return mean_over_positions(masked_max(each, batch.answers_mask), batch.position_mask)


LOG_PROB = Metric(
    name="log-prob",
    fn=log_prob,
    summary="log of the summed probability of the answers",
    needs=("answers",),
)

LOG_PROB_BEST = Metric(
    name="log-prob-best",
    fn=log_prob_best,
    summary="log of the probability of the likeliest answer",
    needs=("answers",),
)
