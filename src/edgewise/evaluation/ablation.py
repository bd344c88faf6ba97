"""What patched edges carry while a circuit is evaluated: one name, one way to open a micro-batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import get_args

from edgewise.engine.run.batches import Batch, divide
from edgewise.engine.run.memory import halving
from edgewise.engine.run.replacement import Baseline, Replacement, by_mean, mean_outputs, resample, zero
from edgewise.models import Model
from edgewise.settings.evaluation import Ablation
from edgewise.tasks import PromptPair

ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)


def baselines(
    model: Model, pairs: Sequence[PromptPair], ablation: Ablation, batch_size: int
) -> Callable[[Batch], Baseline]:
    """The function that opens a micro-batch of the prompts for patched runs.

    ``resample``: patched edges carry what their source writes on the paired corrupted prompt. ``zero``: nothing.
    ``mean``: the source's mean over all positions of these clean prompts. ``mean-positional``: one mean a position.

    Args:
        model: the model.
        pairs: all prompts: a mean is taken over every one of them, once, when the first micro-batch is opened.
        ablation: what patched edges carry.
        batch_size: prompts a forward pass for that mean. The same number gives the same bits, so it is the one that a
            table was begun with, wherever the table stands.
    """
    if ablation == "resample":
        return lambda batch: resample(model, batch)
    if ablation == "zero":
        return lambda batch: zero(model, batch)

    @cache
    def mean() -> Replacement:
        return _mean(model, pairs, ablation == "mean-positional", batch_size)

    return lambda batch: by_mean(model, batch, mean())


def _mean(model: Model, pairs: Sequence[PromptPair], positional: bool, batch_size: int) -> Replacement:
    def at_a_time(size: int) -> Replacement:
        batches = [batch for _, batch in divide(pairs, size, model.device, causal=model.wiring.causal)]
        return mean_outputs(model, batches, positional=positional)

    return halving(batch_size, model.device, at_a_time)
