"""Metrics: pure functions from logits at the answer positions to one number a prompt.

Adding a metric is one module with a `Metric` and one row in `metric_names.METRICS`.
"""

from __future__ import annotations

from edgewise.errors import MetricError
from edgewise.metric_names import METRICS
from edgewise.metrics.batch import MetricBatch
from edgewise.metrics.metric import Metric, MetricFunction
from edgewise.metrics.own import guarded, is_own, of_function, own_metric

__all__ = ["METRICS", "Metric", "MetricBatch", "MetricFunction", "get_metric"]


def get_metric(metric: str | Metric | MetricFunction) -> Metric:
    """Turn what a user gives for a metric into a `Metric`.

    Args:
        metric: a name in `METRICS`, or one that `own.give` gave; a `Metric`, returned as it is; or a function of
            (logits `[batch, n_positions, vocab]`, `MetricBatch`) that returns `[batch]`. A function that
            reads `clean_logits`, or whose lower values are better, is given as a `Metric` that says so.

    Raises:
        UnknownNameError: no metric of that name.
        MetricError: neither a name nor something to call, or code that nobody named with this command.
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, str):
        if is_own(metric):
            return own_metric(metric)
        found: Metric = METRICS.load(metric)
        return found
    if not callable(metric):
        raise MetricError(f"metric {metric!r} is neither a name nor a function; use one of {METRICS.names()}")
    return guarded(of_function(metric))
