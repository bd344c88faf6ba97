"""Jensen-Shannon divergence from the clean run, and from the corrupted one."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.distribution import from_target, jensen_shannon
from edgewise.metrics.metric import Metric
from edgewise.metrics.reduce import mean_over_positions


def js(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """JS(clean, patched) over the full vocabulary, in nats, from 0 to ln 2; lower is better.

    KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, p of the clean run and q of the logits given, averaged over
    the positions read. Lin 1991, equation 4.1 with equal weights. Bounded, where KL grows without end for a token that
    q hardly has.

    Raises:
        MetricError: the batch holds no clean logits.
    """
    return mean_over_positions(from_target(jensen_shannon, batch.of_clean("js"), logits), batch.position_mask)


def js_from_corrupted(logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
    """JS(corrupted, patched), likewise with p of the run on the corrupted prompt: 0 where the behaviour is gone.

    Raises:
        MetricError: the batch holds no corrupted logits.
    """
    target = batch.of_corrupted("js-from-corrupted")
    return mean_over_positions(from_target(jensen_shannon, target, logits), batch.position_mask)


JS = Metric(
    name="js",
    fn=js,
    summary="Jensen-Shannon divergence of clean and patched over the full vocabulary, at most ln 2; lower is better",
    needs_clean_logits=True,
    flat_at_clean="JS(clean, patched) is at its minimum where nothing is patched, so its gradient there is zero",
    higher_is_better=False,
)

JS_FROM_CORRUPTED = Metric(
    name="js-from-corrupted",
    fn=js_from_corrupted,
    summary="Jensen-Shannon divergence of corrupted and patched, at most ln 2: how far what is said is from what the"
    " corrupted prompt says; needs no answers",
    needs_corrupted_logits=True,
)
