"""The prompts and the metric that a method is given, checked against its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgewise.metrics import Metric, get_metric
from edgewise.models import Model
from edgewise.tasks import PromptPair, PromptSet, validate

AnyMetric = str | Metric | Callable[..., Any]


def metric_for(prompts: PromptSet | Sequence[PromptPair], metric: AnyMetric | None) -> Metric:
    """The metric that was asked for, or the prompt set's own; the logit difference for prompts that name none."""
    default = prompts.metric if isinstance(prompts, PromptSet) else "logit-diff"
    return get_metric(default if metric is None else metric)


def usable(model: Model, prompts: PromptSet | Sequence[PromptPair], metric: Metric) -> Sequence[PromptPair]:
    """Return the pairs of some prompts that a model can be run on and a metric computed of.

    Raises:
        ModelError: a model in training mode.
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
    """
    model.require_eval()
    pairs = prompts.pairs if isinstance(prompts, PromptSet) else tuple(prompts)
    validate(
        pairs,
        vocab_size=model.vocab_size,
        output_size=model.output_size,
        max_positions=model.max_positions,
        require_answers="answers" in metric.needs,
    )
    metric.check(pairs)
    return pairs
