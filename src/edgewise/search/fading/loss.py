"""What a circuit is to keep small: KL from the clean run as it is, or the squared change of any other metric."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics import Metric, MetricBatch


def loss_of(metric: Metric) -> Metric:
    """A number of each prompt that is least, 0, where the metric is what it is on the clean run.

    A metric that compares with the clean run, such as KL, is that already.
    """
    if metric.needs_clean_logits and not metric.higher_is_better:
        return metric

    def squared(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
        assert batch.clean_logits is not None
        return (metric(logits, batch) - metric(batch.clean_logits, batch)) ** 2

    return replace(metric, fn=squared, needs_clean_logits=True, higher_is_better=False)
