"""How unsure the model is of what comes next."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.distribution import NONE
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def entropy(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """Shannon entropy of the softmax over the full vocabulary, in nats, averaged over the positions read.

    - sum over tokens t of q(t) log q(t): 0 where one token is certain, log(vocabulary) where all are alike. Lower is
    better: an edge that makes the model sure is one whose patching raises it.
    """
    log_q = torch.log_softmax(logits, -1).clamp_min(NONE)
    return mean_over_positions(-torch.linalg.vecdot(log_q.exp(), log_q), batch.position_mask)


ENTROPY = Metric(
    name="entropy",
    fn=entropy,
    summary="entropy over the full vocabulary: how unsure the model is; lower is better, needs no answers",
    higher_is_better=False,
)
