"""The gradient at every head's input, in the place of the attention projections' own backward.

A projection (q, k or v) of the normed stream is cut out of autograd: its input is detached, and its output is joined to
the stream again by a function whose backward is written here. With ``g_v`` the gradient at head v's projection output,
``W_v`` its weights with the norm's gain and centring folded in, ``x_hat`` and ``s`` the norm's statistics:

    dL/d(in_v) = s (W_v g_v - x_hat (x_hat . W_v g_v) / d_model)

for each head by itself; their sum is what ordinary backward would have given the stream. So the per-head gradients cost
what they replace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.hooks import Hooks
from edgewise.engine.sources import accumulation_dtype
from edgewise.models.norms import Norm
from edgewise.models.wiring import Projection

Pullback = Callable[[Tensor, Tensor], Tensor]

# Prompt tokens whose per-head gradients are made at a time: they, and their products, then stay in the cache.
TOKENS_AT_ONCE = 128


def join(hooks: Hooks, norm: Norm, projections: Sequence[Projection], pull: Pullback) -> None:
    """Cut the module behind some projections out of autograd and give it a backward of our own.

    Args:
        hooks: hooks on the borrowed model.
        norm: the norm that the module reads through.
        projections: those of q, k, v that the module computes.
        pull: from the stream in front of the norm and the gradient at the module's output to the gradient at that
            stream.
    """
    module = projections[0].module
    streams: list[Tensor] = []
    hooks.before(norm.module, lambda x: streams.append(x))
    hooks.before(module, lambda normed: normed.detach())

    def after(output: Tensor) -> Tensor:
        joined: Tensor = _Join.apply(streams.pop(), output, pull)  # type: ignore[no-untyped-call]
        return joined

    hooks.after(module, after)


class _Join(torch.autograd.Function):
    """``output`` as a function of ``stream`` whose backward is ``pull``."""

    @staticmethod
    def forward(ctx: Any, stream: Tensor, output: Tensor, pull: Pullback) -> Tensor:
        ctx.save_for_backward(stream)
        ctx.pull = pull
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (stream,) = ctx.saved_tensors
        pulled: Tensor = ctx.pull(stream, gradients[0])
        return pulled.to(stream.dtype), None, None


def head_gradients(
    norm: Norm,
    projections: Sequence[Projection],
    stream: Float[Tensor, "batch pos d_model"],
    gradient: Float[Tensor, "batch pos width"],
) -> Iterator[tuple[slice, Float[Tensor, "destination rows pos d_model"]]]:
    """``dL/d(in_v)`` for every head of some projections of one module, a few prompts at a time.

    All heads of all prompts at once would be many times the size of the stream; a few prompts stay in the cache.

    Args:
        norm: the norm that the projections read through.
        projections: those of q, k, v that are wanted.
        stream: the stream in front of the norm.
        gradient: the gradient at the module's output.

    Yields:
        Prompts of the batch and their gradients, heads of the first projection first.
    """
    dtype = accumulation_dtype(gradient.dtype)
    x_hat, scale = norm.standardise(stream.to(dtype))
    upstream = gradient.to(dtype) * scale
    heads = [projection.view(upstream).permute(2, 0, 1, 3) for projection in projections]
    weights = [norm.fold(part.weight().to(dtype)).permute(1, 2, 0) for part in projections]
    counts = [len(part) for part in heads]
    at_once = max(1, TOKENS_AT_ONCE // stream.shape[1])
    for first in range(0, len(stream), at_once):
        rows = slice(first, min(first + at_once, len(stream)))
        unit = x_hat[rows]
        pulled = unit.new_empty(sum(counts), *unit.shape)
        for part, weight, into in zip(heads, weights, pulled.split(counts), strict=True):
            torch.bmm(part[:, rows].flatten(1, 2), weight, out=into.flatten(1, 2))
        if norm.scaled:
            along = _along(pulled, unit) / -unit.shape[-1]
            pulled.addcmul_(along[..., None], unit)
        yield rows, pulled


def _along(
    vectors: Float[Tensor, "destination rows pos d_model"], unit: Float[Tensor, "rows pos d_model"]
) -> Float[Tensor, "destination rows pos"]:
    """The dot products of every destination's vectors with one vector a token, as one batched product."""
    by_token = vectors.flatten(1, 2).transpose(0, 1)
    products = torch.bmm(by_token, unit.flatten(0, 1)[..., None])[..., 0]
    return products.T.reshape(len(vectors), *unit.shape[:2])
