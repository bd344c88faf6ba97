"""What patched edges carry while a circuit is evaluated: one name, one way to open a micro-batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, TypeAlias, get_args

from edgewise.engine.batches import Batch, arrange, take
from edgewise.engine.memory import is_out_of_memory, release
from edgewise.engine.replacement import Baseline, Replacement, by_mean, mean_outputs, resample, zero
from edgewise.errors import UnknownNameError, did_you_mean
from edgewise.models import Model
from edgewise.tasks import PromptPair

Ablation: TypeAlias = Literal["resample", "zero", "mean", "mean-positional"]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)


def require_ablation(name: str) -> None:
    """Refuse a name that is no ablation. Raises UnknownNameError."""
    if name not in ABLATIONS:
        near = did_you_mean(name, ABLATIONS) or "."
        raise UnknownNameError(f"unknown ablation '{name}'{near} Known ablations: {', '.join(ABLATIONS)}.")


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
    while True:
        try:
            return mean_outputs(model, _batches(model, pairs, batch_size), positional=positional)
        except (RuntimeError, MemoryError) as error:
            if batch_size == 1 or not is_out_of_memory(error):
                raise
        release(model.device)
        batch_size = (batch_size + 1) // 2


def _batches(model: Model, pairs: Sequence[PromptPair], batch_size: int) -> list[Batch]:
    causal = model.wiring.causal
    order, done, batches = arrange(pairs, causal=causal), 0, []
    while done < len(order):
        rows = take(order, pairs, done, batch_size, causal=causal)
        batches.append(Batch.of([pairs[i] for i in rows], model.device, causal=causal))
        done += len(rows)
    return batches
