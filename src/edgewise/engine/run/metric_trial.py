"""A metric of the user's own, tried on a first batch before anything slow begins.

1. Each prompt's value is a finite number, on the clean and on the corrupted run.
2. It is of that prompt alone: with others beside it, it is the same.
3. Nothing at padding changes it.
4. Where a method needs a gradient, it has one at the clean run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.metric_gradient import FLAT, metric_values
from edgewise.engine.run.references import with_references
from edgewise.errors import MetricError, ScoreError, VanishingGradientError
from edgewise.metrics import Metric, MetricBatch
from edgewise.models import Model
from edgewise.tasks import PromptPair

N_PROMPTS = 4
# By how much of its size a value may differ where the same numbers are summed in another order.
ROUNDING = 1e-4


def try_metric(model: Model, pairs: Sequence[PromptPair], metric: Metric, *, by_gradient: bool) -> None:
    """Refuse a metric that cannot be used.

    Args:
        model: the model.
        pairs: the prompts, of which the first of one length are run.
        metric: the metric.
        by_gradient: whether its slope at the clean run is needed.

    Raises:
        MetricError: no ``[batch]`` of floats, a value that depends on other prompts, or on padding.
        ScoreError: a value that is not finite.
        VanishingGradientError: a slope is needed, and there is none at the clean run.
    """
    first = [pair for pair in pairs if model.wiring.causal or len(pair) == len(pairs[0])][:N_PROMPTS]
    batch = with_references(model, Batch.of(first, model.device, causal=model.wiring.causal), metric)
    clean, corrupted = (_logits(model, batch, ids) for ids in (batch.clean, batch.corrupted))
    values = [metric_values(metric, logits, batch.metric, clean) for logits in (clean, corrupted)]
    for of_run, which in zip(values, ("clean", "corrupted"), strict=True):
        _require_finite(metric, of_run, which)
    for row in range(batch.n_rows if batch.n_rows > 1 else 0):
        one = [clean[row : row + 1], corrupted[row : row + 1]]
        alone = metric_values(metric, one[1], batch.metric.row(row), one[0])
        _require_alone(metric, values[1][row], alone[0], row)
    answers = replace(batch.metric, clean_logits=clean) if metric.needs_clean_logits else batch.metric
    slopes = [_slope(metric, logits, answers) for logits in (clean, corrupted)]
    for slope in slopes:
        _require_no_padding(metric, slope, batch.metric)
    if by_gradient and metric.flat_at_clean is None:
        _require_slope(metric, slopes[0])


def _logits(model: Model, batch: Batch, ids: Tensor) -> Tensor:
    with borrowed(model.module) as hooks:
        logits = logits_at(model, hooks, ids, batch.answers)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _slope(metric: Metric, logits: Tensor, batch: MetricBatch) -> Tensor | None:
    """``dL/dlogits``; None where the values have no gradient at all."""
    with torch.enable_grad():
        point = logits.detach().requires_grad_(True)
        values = metric(point, batch)
        if not values.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(values.sum(), point, allow_unused=True)
    return torch.zeros_like(point) if gradient is None else gradient


def _require_finite(metric: Metric, values: Float[Tensor, " batch"], which: str) -> None:
    bad = (~torch.isfinite(values)).nonzero()
    if len(bad):
        raise ScoreError(
            f"metric {metric.name!r} is {values[bad[0]].item()} for prompt {int(bad[0]) + 1} on the {which} run;"
            " make it a finite number for every prompt"
        )


def _require_alone(metric: Metric, beside: Tensor, alone: Tensor, row: int) -> None:
    if float((beside - alone).abs()) > ROUNDING * max(1.0, float(alone.abs())):
        raise MetricError(
            f"metric {metric.name!r} gives prompt {row + 1} {beside.item():.4g} beside other prompts and"
            f" {alone.item():.4g} alone; compute each prompt's number from its own row of logits"
        )


def _require_no_padding(metric: Metric, slope: Tensor | None, batch: MetricBatch) -> None:
    if slope is not None and bool((slope[~batch.position_mask] != 0).any()):
        raise MetricError(
            f"metric {metric.name!r} looks at positions that a prompt does not read, which are padding; leave out where"
            " batch.position_mask is False"
        )


def _require_slope(metric: Metric, slope: Tensor | None) -> None:
    if slope is None:
        raise VanishingGradientError(
            f"metric {metric.name!r} has no gradient: its values do not follow from the logits by torch alone (argmax,"
            " .item(), .detach(), numpy); mend that, or use --method activation-patching, which needs none"
        )
    if not torch.isfinite(slope).all():
        raise ScoreError(f"metric {metric.name!r} has a gradient that is not finite; make it differentiable there")
    if float(slope.abs().max()) < FLAT:
        raise VanishingGradientError(
            f"metric {metric.name!r} is flat at the clean run: its largest |dL/dlogits| over the first prompts is below"
            f" {FLAT:.0e}; change it, or use --method activation-patching, which needs no gradient"
        )
