"""Whether patching changes the likeliest token."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def top1_change(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """1 where the likeliest of all tokens is another than on the clean run, else 0; lower is better.

    Averaged over the positions read. It has no gradient.

    Raises:
        MetricError: the batch holds no clean logits.
    """
    before = batch.of_clean("top1-change").log_p.argmax(-1)
    return mean_over_positions((logits.argmax(-1) != before).to(logits.dtype), batch.position_mask)


TOP1_CHANGE = Metric(
    name="top1-change",
    fn=top1_change,
    summary="1 where the likeliest token is another than on the clean run, else 0; lower is better, needs no answers",
    needs_clean_logits=True,
    flat_at_clean="top1-change is a step function of the logits, so its gradient is zero everywhere",
    flat_everywhere=True,
    higher_is_better=False,
)
