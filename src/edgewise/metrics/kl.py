"""Kullback-Leibler divergence from the clean run."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.errors import MetricError
from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def kl(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, "batch"]:
    """KL(clean || patched) over the full vocabulary, in nats; lower is better.

    sum over tokens t of p(t) (log p(t) - log q(t)), p of the clean run and q of the logits given, averaged
    over the positions read. Conmy et al. 2023, section 3.2.

    Raises:
        MetricError: the batch holds no clean logits.
    """
    if batch.clean_logits is None:
        raise MetricError("metric 'kl' compares with the clean run; fill MetricBatch.clean_logits")
    log_q = torch.log_softmax(logits, -1)
    log_p = torch.log_softmax(batch.clean_logits.to(logits.dtype), -1)
    p = log_p.exp()
    # A token the clean run rules out (logit -inf) contributes nothing, where 0 * inf would make NaN.
    terms = torch.where(p > 0, p * (log_p - log_q), 0.0)
    return mean_over_positions(terms.sum(-1), batch.position_mask)


KL = Metric(
    name="kl",
    fn=kl,
    summary="KL(clean || patched) over the full vocabulary; lower is better",
    needs_clean_logits=True,
    flat_at_clean=("KL(clean || patched) is at its minimum where nothing is patched, so its gradient there is zero"),
    higher_is_better=False,
)
