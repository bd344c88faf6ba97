"""A few prompts that were run clean and corrupted, ready to be run with masks again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.engine.run.batches import Batch
from edgewise.engine.run.metric_gradient import metric_at
from edgewise.metrics import Metric


@dataclass(frozen=True, eq=False)
class Opening:
    """One micro-batch of prompts.

    Args:
        batch: the prompts.
        run: from the share that each mask keeps, ``[n_masks]``, to logits ``[batch, n_positions, vocab]``.
        clean: logits with nothing masked.
        corrupted: logits of the corrupted prompts.
        n_bytes: the memory that this takes as long as it is kept.
    """

    batch: Batch
    run: Callable[[Tensor], Tensor]
    clean: Tensor
    corrupted: Tensor
    n_bytes: int

    def values(self, metric: Metric) -> tuple[Tensor, Tensor, float]:
        """The metric of each prompt on the clean and the corrupted run, ``[batch]``; its steepest slope in either."""
        both = [metric_at(metric, logits, self.batch.metric, self.clean) for logits in (self.clean, self.corrupted)]
        steepest = max(float(at.gradient.abs().max()) for at in both)
        return both[0].values, both[1].values, steepest

    def slope(self, metric: Metric, kept: Tensor) -> tuple[float, Tensor]:
        """The sum over prompts of the metric with these masks, and its gradient ``[n_masks]``, in float64 on the CPU.

        Args:
            metric: the metric.
            kept: the share that each mask keeps, ``[n_masks]``.
        """
        with torch.enable_grad():
            point = kept.to(self.clean.device, torch.promote_types(self.clean.dtype, torch.float32)).requires_grad_()
            logits = self.run(point)
            at = metric_at(metric, logits.detach(), self.batch.metric, self.clean)
            (gradient,) = torch.autograd.grad(logits, point, at.gradient.to(logits.dtype))
        return float(at.values.double().sum()), gradient.cpu().double()
