"""Every metric by name, and where it is: one row a metric. Nothing here imports torch, so that names complete fast."""

from __future__ import annotations

from edgewise.registry import Registry

METRICS = Registry(
    "metric",
    {
        "logit-diff": "edgewise.metrics.logit_diff:LOGIT_DIFF",
        "logit-diff-max": "edgewise.metrics.logit_diff:LOGIT_DIFF_MAX",
        "prob-diff": "edgewise.metrics.prob_diff:PROB_DIFF",
        "log-prob": "edgewise.metrics.log_prob:LOG_PROB",
        "kl": "edgewise.metrics.kl:KL",
        "accuracy": "edgewise.metrics.accuracy:ACCURACY",
    },
    plugins="edgewise.metrics",
)

# Distances from the clean run: what patching raises there helped. Metrics that others bring are taken for scores.
LOWER_IS_BETTER = frozenset({"kl"})
