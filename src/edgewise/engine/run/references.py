"""What the corrupted prompts say, for metrics that compare with it: one more plain run of them."""

from __future__ import annotations

from dataclasses import replace

from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.metrics import Metric
from edgewise.models import Model


def with_references(model: Model, batch: Batch, metric: Metric) -> Batch:
    """The batch with the corrupted run's logits in it, where the metric asks for them; else as it is."""
    if not metric.needs_corrupted_logits:
        return batch
    with borrowed(model.module) as hooks:
        logits = logits_at(model, hooks, batch.corrupted, batch.answers)
    return replace(batch, metric=batch.metric.with_corrupted_logits(logits))
