"""Every metric by name, and where it is: one row a metric. Nothing here imports torch, so that names complete fast."""

from __future__ import annotations

from edgewise.registry import Registry

METRICS = Registry(
    "metric",
    {
        "logit-diff": "edgewise.metrics.logit_diff:LOGIT_DIFF",
        "logit-diff-max": "edgewise.metrics.logit_diff:LOGIT_DIFF_MAX",
        "logit-diff-best": "edgewise.metrics.logit_diff:LOGIT_DIFF_BEST",
        "logit-diff-mass": "edgewise.metrics.logit_diff:LOGIT_DIFF_MASS",
        "prob-diff": "edgewise.metrics.prob_diff:PROB_DIFF",
        "prob-diff-best": "edgewise.metrics.prob_diff:PROB_DIFF_BEST",
        "log-prob": "edgewise.metrics.log_prob:LOG_PROB",
        "log-prob-best": "edgewise.metrics.log_prob:LOG_PROB_BEST",
        "answer-log-prob": "edgewise.metrics.answer_log_prob:ANSWER_LOG_PROB",
        "kl": "edgewise.metrics.kl:KL",
        "kl-from-corrupted": "edgewise.metrics.kl:KL_FROM_CORRUPTED",
        "js": "edgewise.metrics.js:JS",
        "js-from-corrupted": "edgewise.metrics.js:JS_FROM_CORRUPTED",
        "entropy": "edgewise.metrics.entropy:ENTROPY",
        "accuracy": "edgewise.metrics.accuracy:ACCURACY",
        "top1-change": "edgewise.metrics.top1_change:TOP1_CHANGE",
    },
    plugins="edgewise.metrics",
)
