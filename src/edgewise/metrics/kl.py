"""Kullback-Leibler divergence from the clean run."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.errors import MetricError
from edgewise.metric_names import LOWER_IS_BETTER
from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions

# On a CPU, numbers that are worked on at a time: what lies in between then stays in the cache.
AT_ONCE = 2**18


def kl(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """KL(clean || patched) over the full vocabulary, in nats; lower is better.

    sum over tokens t of p(t) (log p(t) - log q(t)), p of the clean run and q of the logits given, averaged
    over the positions read. Conmy et al. 2023, section 3.2.

    Raises:
        MetricError: the batch holds no clean logits.
    """
    log_p, p = batch.clean_log_probabilities, batch.clean_probabilities
    if log_p is None or p is None:
        raise MetricError("metric 'kl' compares with the clean run; fill MetricBatch.clean_logits")
    rows = len(logits) if logits.is_cuda else max(1, AT_ONCE // logits[0].numel())
    parts = zip(log_p.split(rows), p.split(rows), logits.split(rows), strict=True)
    return mean_over_positions(torch.cat([_divergence(*part, batch.rules_out) for part in parts]), batch.position_mask)


def _divergence(
    log_p: Float[Tensor, "batch n_positions vocab"],
    p: Float[Tensor, "batch n_positions vocab"],
    logits: Float[Tensor, "batch n_positions vocab"],
    some_ruled_out: bool,
) -> Float[Tensor, "batch n_positions"]:
    difference = log_p - torch.log_softmax(logits, -1)
    if some_ruled_out:
        # Such a token (logit -inf) contributes nothing, where 0 * inf would make NaN.
        difference = torch.where(p > 0, difference, 0.0)
    total: Tensor = torch.linalg.vecdot(p.to(difference.dtype), difference)
    return total


KL = Metric(
    name="kl",
    fn=kl,
    summary="KL(clean || patched) over the full vocabulary; lower is better",
    needs_clean_logits=True,
    flat_at_clean=("KL(clean || patched) is at its minimum where nothing is patched, so its gradient there is zero"),
    higher_is_better="kl" not in LOWER_IS_BETTER,
)
