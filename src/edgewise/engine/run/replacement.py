"""What a patched edge carries instead of its source's output: corrupted values, zero, or a mean.

A head's output is linear in its value-weighted sum, so a replacement is kept as small as a run's recorded outputs: one
value a head in front of the output projection, and one an MLP and for the input, each of a shape that broadcasts to
``[batch, pos, width]``. The output projection's own bias belongs to no source and stays (under zero ablation too).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import keep_first, logits_at, run
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.sources import SourceOutputs
from edgewise.models import Model
from edgewise.models.placement import device_of
from edgewise.models.wiring import Block


@dataclass(frozen=True)
class Replacement:
    """The values of every source, each broadcastable to ``[batch, pos, width]``.

    Those of the last layer stand where logits are read, ``[batch, n_positions, width]``: nothing reads them elsewhere.

    Args:
        embedding: of ``input``, width ``d_model``.
        heads: a layer each, all heads side by side, width ``heads * d_head``.
        mlps: a layer each, width ``d_model``; empty for an attention-only model.
    """

    embedding: Tensor
    heads: tuple[Tensor, ...]
    mlps: tuple[Tensor, ...]

    @classmethod
    def of(cls, outputs: SourceOutputs) -> Replacement:
        """The outputs of a recorded run."""
        return cls(outputs.embedding, tuple(outputs.heads), tuple(outputs.mlps))

    def map(self, change: Callable[[Tensor], Tensor]) -> Replacement:
        """The same with every tensor changed."""
        return Replacement(change(self.embedding), tuple(map(change, self.heads)), tuple(map(change, self.mlps)))


@dataclass(frozen=True)
class Baseline:
    """What the patched runs of one batch of prompts share.

    Args:
        ids: clean token ids that are run, ``[batch, pos]``: from the first difference on where what comes before can
            play no part.
        answers: where logits are read, counted from the first of ``ids``.
        replacement: what patched edges carry.
        cache: keys and values of the clean tokens before ``ids``.
    """

    ids: Int[Tensor, "batch pos"]
    answers: Answers
    replacement: Replacement
    cache: DynamicCache | None = None


def corrupted_run(model: Model, batch: Batch) -> tuple[SourceOutputs, Tensor, DynamicCache | None]:
    """Run the corrupted prompts of a batch.

    Returns:
        What the sources wrote from the batch's ``start`` on, the logits, and the keys and values of the tokens before
        it, which the clean prompts share; None where there are none.
    """
    cache = DynamicCache() if batch.start else None
    outputs = SourceOutputs(batch.start)
    with borrowed(model.module) as hooks:
        outputs.record(hooks, model.wiring, batch.answers)
        logits = logits_at(model, hooks, batch.corrupted, batch.answers, cache)
    if cache is not None:
        keep_first(cache, batch.start)
    return outputs, logits, cache


@torch.no_grad()
def shared_prefix(model: Model, batch: Batch) -> DynamicCache | None:
    """The keys and values of the tokens before a batch's ``start``, by a run of these alone; None where there are none.

    For passes that run the corrupted prompts from ``start`` on too; others get it from `corrupted_run`.
    """
    if not batch.start:
        return None
    cache = DynamicCache()
    with borrowed(model.module) as hooks:
        hooks.before(model.wiring.unembedding, lambda normed: normed[:, :1])
        run(model.wiring, batch.clean[:, : batch.start], cache)
    return cache


def resample(model: Model, batch: Batch) -> Baseline:
    """Patched edges carry what their source writes on the paired corrupted prompt: one forward pass of those prompts.

    In a causal model the tokens before the first difference of the batch are run here, and never again.
    """
    outputs, _, cache = corrupted_run(model, batch)
    return resample_from(batch, outputs, cache)


def resample_from(batch: Batch, outputs: SourceOutputs, cache: DynamicCache | None) -> Baseline:
    """The same from what `corrupted_run` gave."""
    return Baseline(batch.clean[:, batch.start :], batch.answers.shifted(batch.start), Replacement.of(outputs), cache)


def zero(model: Model, batch: Batch) -> Baseline:
    """Patched edges carry nothing."""
    wiring, width = model.wiring, model.graph.spec.d_model

    def nothing(block: Block, width: int) -> Tensor:
        return torch.zeros(1, 1, width, dtype=model.dtype, device=device_of(block.module))

    heads = tuple(nothing(block, block.attention.out.width) for block in wiring.blocks)
    mlps = tuple(nothing(block, width) for block in wiring.blocks if block.mlp is not None)
    return Baseline(batch.clean, batch.answers, Replacement(nothing(wiring.blocks[0], width), heads, mlps))


@torch.no_grad()
def mean_outputs(model: Model, batches: Sequence[Batch], *, positional: bool = False) -> Replacement:
    """Every source's mean over clean prompts; padding is left out.

    Args:
        model: the model.
        batches: the prompts.
        positional: one mean a position, of the prompts that are so long; else one mean over all positions.

    Returns:
        Tensors ``[1, pos, width]``, up to the longest prompt, or ``[1, 1, width]``, for `by_mean` to make a batch's
        replacement of.
    """
    length = max(batch.clean.shape[1] for batch in batches)
    total: Replacement | None = None
    count = torch.zeros(length, dtype=torch.float64, device=model.device)
    for batch in batches:
        outputs = SourceOutputs()
        with borrowed(model.module) as hooks:
            outputs.record(hooks, model.wiring)
            run(model.wiring, batch.clean)
        real = batch.real.to(count.dtype)
        sums = Replacement.of(outputs).map(partial(_sum_of, real=real, length=length))
        total = sums if total is None else _added(total, sums)
        count[: real.shape[1]] += real.sum(0)
    if total is None:
        raise ValueError("a mean needs at least one batch")
    if positional:
        return total.map(lambda x: (x / count.to(x.device)[None, :, None].clamp_min(1)).to(model.dtype))
    return total.map(lambda x: (x.sum(1, keepdim=True) / count.sum().to(x.device)).to(model.dtype))


def by_mean(model: Model, batch: Batch, mean: Replacement) -> Baseline:
    """Patched edges carry a mean that `mean_outputs` made of prompts at least as long."""
    n_rows, length = batch.clean.shape
    cut = mean.map(lambda x: x[:, :length])

    def read(layers: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        *others, last = layers
        return (*others, last if last.shape[1] == 1 else batch.answers.read(last.expand(n_rows, -1, -1)))

    mlps = read(cut.mlps) if cut.mlps else ()
    return Baseline(batch.clean, batch.answers, Replacement(cut.embedding, read(cut.heads), mlps))


def _sum_of(
    x: Float[Tensor, "batch pos width"], real: Float[Tensor, "batch pos"], length: int
) -> Float[Tensor, "one length width"]:
    total = (x.to(real.dtype) * real.to(x.device)[..., None]).sum(0, keepdim=True)
    return torch.nn.functional.pad(total, (0, 0, 0, length - total.shape[1]))


def _added(first: Replacement, second: Replacement) -> Replacement:
    pairs = zip(first.heads, second.heads, strict=True), zip(first.mlps, second.mlps, strict=True)
    heads, mlps = (tuple(a + b for a, b in pair) for pair in pairs)
    return Replacement(first.embedding + second.embedding, heads, mlps)
