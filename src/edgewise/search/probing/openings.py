"""The prompts of a training, run clean and corrupted when first needed and kept for the steps that follow.

Processes that work together share them out, micro-batch after micro-batch; what each finds is added up by rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from edgewise import processes
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.metric_gradient import require_slope
from edgewise.engine.run.references import with_references
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.search.probing.masks import Masks
from edgewise.search.probing.opening import Opening
from edgewise.search.table.cells import Array
from edgewise.tasks import PromptPair

Part = TypeVar("Part")
# Bytes to keep where no limit is given, and the share of a limit.
MOST, SHARE = 1 << 30, 0.25


class Openings:
    """Micro-batches of a set of prompts, as many as fit kept; one that is not kept is opened anew each time.

    Args:
        model: the model; untouched whenever an opening is returned.
        pairs: the prompts.
        masks: what is masked.
        metric: what will be measured of them.
        limit: bytes that the process may use in all, a share of which is for what is kept; None for a gigabyte of that.
    """

    def __init__(
        self, model: Model, pairs: Sequence[PromptPair], masks: Masks, metric: Metric, limit: int | None
    ) -> None:
        self._model, self._pairs, self._masks, self._metric = model, pairs, masks, metric
        self._left = MOST if limit is None else int(SHARE * limit)
        self._kept: dict[tuple[int, ...], Opening] = {}

    def of(self, rows: tuple[int, ...]) -> Opening:
        """The opening of some prompts."""
        if rows not in self._kept:
            opened = self._open(rows)
            if opened.n_bytes > self._left:
                return opened
            self._left -= opened.n_bytes
            self._kept[rows] = opened
        return self._kept[rows]

    def values(self, metric: Metric, parts: Iterable[tuple[int, ...]]) -> tuple[Array, Array]:
        """The metric of every prompt on the clean and on the corrupted run, ``[n_prompts]`` each.

        Args:
            metric: the metric.
            parts: all prompts, as they are run together.

        Raises:
            VanishingGradientError: it is flat on all of them.
        """
        clean, corrupted = np.full((2, len(self._pairs)), np.nan)
        steepest = 0.0
        for found in processes.each(lambda: [(rows, self.of(rows).values(metric)) for rows in _own(parts)]):
            for rows, (whole, nothing, slope) in found:
                clean[list(rows)] = whole.double().cpu().numpy()
                corrupted[list(rows)] = nothing.double().cpu().numpy()
                steepest = max(steepest, slope)
        require_slope(metric, steepest)
        return clean, corrupted

    def slope(self, metric: Metric, kept: Tensor, parts: Iterable[tuple[int, ...]]) -> tuple[float, Tensor]:
        """The metric summed over some prompts where masks keep so much, and its slope by every mask, ``[n_masks]``."""

        def own() -> tuple[float, Tensor]:
            total, slope = 0.0, torch.zeros(self._masks.n, dtype=torch.float64)
            for rows in _own(parts):
                value, gradient = self.of(rows).slope(metric, kept)
                total, slope = total + value, slope + gradient
            return total, slope

        totals, slopes = zip(*processes.each(own), strict=True)
        return sum(totals), slopes[0] if len(slopes) == 1 else torch.stack(slopes).sum(0)

    def _open(self, rows: tuple[int, ...]) -> Opening:
        """Whatever the caller's context: no gradients, and products are not made in half precision."""
        pairs, model = [self._pairs[i] for i in rows], self._model
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(model.device.type, enabled=False):
            batch = Batch.of(pairs, model.device, causal=model.wiring.causal)
            return self._masks.open(model, with_references(model, batch, self._metric))


def _own(parts: Iterable[Part]) -> Iterator[Part]:
    """Those of this process."""
    return islice(parts, processes.rank(), None, processes.size())
