"""The metric's own gradient, taken on the logits before the model's backward pass begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.errors import ScoreError, VanishingGradientError
from edgewise.metrics import Metric, MetricBatch

# Below this the largest |dL/dlogits| counts as zero: rounding, not a slope.
FLAT = 1e-6


@dataclass(frozen=True)
class MetricPoint:
    """A metric at some logits.

    Args:
        values: L of each prompt, ``[batch]``.
        gradient: ``dL/dlogits`` of each prompt's own L, ``[batch, n_positions, vocab]``.
    """

    values: Float[Tensor, " batch"]
    gradient: Float[Tensor, "batch n_positions vocab"]


def metric_at(
    metric: Metric,
    logits: Float[Tensor, "batch n_positions vocab"],
    batch: MetricBatch,
    clean_logits: Float[Tensor, "batch n_positions vocab"],
) -> MetricPoint:
    """A metric's values and gradient at some logits.

    Args:
        metric: the metric.
        logits: of any run.
        batch: the answers.
        clean_logits: those of the clean run, for a metric that compares with them.

    Raises:
        ScoreError: the metric is not finite on a prompt.
    """
    if metric.needs_clean_logits:
        batch = replace(batch, clean_logits=clean_logits)
    with torch.enable_grad():
        # In half precision the gradient of a probability would underflow.
        point = logits.detach().to(torch.promote_types(logits.dtype, torch.float32)).requires_grad_(True)
        values = metric(point, batch)
        gradient: Tensor | None = None
        if values.requires_grad:
            (gradient,) = torch.autograd.grad(values.sum(), point, allow_unused=True)
    if gradient is None:
        gradient = torch.zeros_like(point)
    require_finite(metric, values)
    if not torch.isfinite(gradient).all():
        raise ScoreError(
            f"metric {metric.name!r} is finite on the clean prompts, but its gradient is not;"
            " make it differentiable there"
        )
    return MetricPoint(values.detach(), gradient)


def metric_values(
    metric: Metric,
    logits: Float[Tensor, "batch n_positions vocab"],
    batch: MetricBatch,
    clean_logits: Float[Tensor, "batch n_positions vocab"],
) -> Float[Tensor, " batch"]:
    """A metric's values, with the clean logits given to a metric that compares with them."""
    if metric.needs_clean_logits:
        batch = replace(batch, clean_logits=clean_logits)
    with torch.no_grad():
        return metric(logits, batch)


def require_finite(metric: Metric, values: Float[Tensor, " batch"]) -> None:
    """Refuse NaN and infinite metric values.

    Raises:
        ScoreError: naming the first prompt of the batch on which it happens.
    """
    bad = (~torch.isfinite(values)).nonzero()
    if len(bad):
        raise ScoreError(
            f"metric {metric.name!r} is {values[bad[0]].item()} on a clean prompt: the model's logits are not finite;"
            " check its weights, or use --dtype float32"
        )


def require_slope(metric: Metric, steepest: float) -> None:
    """Refuse a metric that no small change of the logits changes, where it was looked at.

    Args:
        metric: the metric.
        steepest: the largest |dL/dlogits| over all prompts.

    Raises:
        VanishingGradientError: it is zero but for rounding.
    """
    if steepest < FLAT:
        raise VanishingGradientError(
            f"metric {metric.name!r} is flat: its largest |dL/dlogits| over all prompts is {steepest:.1e}, below"
            f" {FLAT:.0e}, so a slope says nothing; use logit-diff, log-prob or kl"
        )
