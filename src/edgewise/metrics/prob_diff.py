"""Difference of probability between right and wrong answers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import log_probabilities, masked_max, mean_over_positions


def prob_diff(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Summed probability of the answers minus summed probability of the wrong answers.

    sum over a in A of p(a) - sum over w in W of p(w), p the softmax over the full vocabulary, averaged over
    the positions read. Between -1 and 1. Hanna et al. 2023, section 2, for Greater-Than.
    """
    right = log_probabilities(logits, batch.answers).exp()
    wrong = log_probabilities(logits, batch.wrong_answers).exp()
    gain = right.masked_fill(~batch.answers_mask[:, None, :], 0.0).sum(-1)
    loss = wrong.masked_fill(~batch.wrong_answers_mask[:, None, :], 0.0).sum(-1)
    return mean_over_positions(gain - loss, batch.position_mask)


def prob_diff_best(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Probability of the likeliest answer minus that of the likeliest wrong answer.

    max over a in A of p(a) - max over w in W of p(w), p the softmax over the full vocabulary, averaged over the
    positions read.
    """
    right = masked_max(log_probabilities(logits, batch.answers), batch.answers_mask).exp()
    wrong = masked_max(log_probabilities(logits, batch.wrong_answers), batch.wrong_answers_mask).exp()
    return mean_over_positions(right - wrong, batch.position_mask)


PROB_DIFF = Metric(
    name="prob-diff",
    fn=prob_diff,
    summary="summed probability of the answers minus that of the wrong answers",
    needs=("answers", "wrong_answers"),
)

PROB_DIFF_BEST = Metric(
    name="prob-diff-best",
    fn=prob_diff_best,
    summary="probability of the likeliest answer minus that of the likeliest wrong answer",
    needs=("answers", "wrong_answers"),
)
