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
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.run.at_once import gradient_tokens
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Projection


@dataclass(frozen=True)
class Upstream:
    """One of q, k, v with the gradient at its module's output, ``[batch, pos, width]``."""

    projection: Projection
    gradient: Float[Tensor, "batch pos width"]


# From the stream in front of the norm and the gradients of q, k and v to the gradient at that stream.
Pullback = Callable[[Tensor, Sequence[Upstream]], Tensor]


def rows_at_once(stream: Tensor) -> int:
    """How many prompts of a stream ``[batch, pos, d_model]`` to handle at a time, on its device."""
    return max(1, gradient_tokens(stream.device) // stream.shape[1])


def join(hooks: Hooks, attention: Attention, pull: Pullback) -> None:
    """Cut an attention's projections out of autograd and give them a backward of our own.

    Where q, k and v are modules of their own, their gradients arrive one after the other; ``pull`` is called once, with
    all of them, so that what it does for all heads it does together.

    Args:
        hooks: hooks on the borrowed model.
        attention: a block's attention.
        pull: called in the backward pass with the stream in front of the norm and the gradients.
    """
    modules = {id(projection.module): projection.module for projection in attention.projections}
    streams: list[Tensor] = []
    arrived: dict[int, Tensor] = {}

    def collect(stream: Tensor, module: nn.Module, gradient: Tensor) -> Tensor | None:
        arrived[id(module)] = gradient
        if len(arrived) < len(modules):
            return None
        upstream = [Upstream(part, arrived[id(part.module)]) for part in attention.projections]
        arrived.clear()
        return pull(stream, upstream)

    hooks.before(attention.norm.module, lambda x: streams.__setitem__(slice(None), [x]))
    for module in modules.values():

        def after(output: Tensor, module: nn.Module = module) -> Tensor:
            joined: Tensor = _Join.apply(streams[0], output, module, collect)  # type: ignore[no-untyped-call]
            return joined

        hooks.before(module, lambda normed: normed.detach())
        hooks.after(module, after)


class _Join(torch.autograd.Function):
    """A module's output as a function of the stream, whose backward is ``collect``."""

    @staticmethod
    def forward(
        ctx: Any,
        stream: Tensor,
        output: Tensor,
        module: nn.Module,
        collect: Callable[[Tensor, nn.Module, Tensor], Tensor | None],
    ) -> Tensor:
        ctx.save_for_backward(stream)
        ctx.module, ctx.collect = module, collect
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, None]:
        (stream,) = ctx.saved_tensors
        pulled: Tensor | None = ctx.collect(stream, ctx.module, gradients[0])
        return None if pulled is None else pulled.to(stream.dtype), None, None, None


def head_gradients(
    norm: Norm, upstream: Sequence[Upstream], stream: Float[Tensor, "batch pos d_model"], buffers: Buffers
) -> Iterator[tuple[slice, Float[Tensor, "destination rows pos d_model"]]]:
    """``dL/d(in_v)`` for every head of some projections, a few prompts at a time.

    All heads of all prompts at once would be many times the size of the stream; a few prompts stay in the cache.

    Args:
        norm: the norm that the projections read through.
        upstream: the projections that are wanted, with their gradients.
        stream: the stream in front of the norm.
        buffers: memory to write into.

    Yields:
        Prompts of the batch and their gradients, heads of the first projection first; good until the next are made.
    """
    dtype = accumulation_dtype(stream.dtype)
    x_hat, scale = norm.standardise(stream.to(dtype))
    heads = [_scaled(part, scale) for part in upstream]
    weights = [norm.fold(part.projection.weight().to(dtype)).permute(1, 2, 0) for part in upstream]
    counts = [len(part) for part in heads]
    at_once = rows_at_once(stream)
    for first in range(0, len(stream), at_once):
        rows = slice(first, min(first + at_once, len(stream)))
        unit = x_hat[rows]
        pulled = buffers.take("gradients", (sum(counts), *unit.shape), unit, dtype)
        for part, weight, into in zip(heads, weights, pulled.split(counts), strict=True):
            torch.bmm(part[:, rows].flatten(1, 2), weight, out=into.flatten(1, 2))
        if norm.scaled:
            along = _along(pulled, unit) / -unit.shape[-1]
            pulled.addcmul_(along[..., None], unit)
        yield rows, pulled


def _scaled(part: Upstream, scale: Float[Tensor, "batch pos 1"]) -> Float[Tensor, "heads batch pos d_head"]:
    """A projection's gradient by head, times the norm's inverse scale."""
    by_head = part.projection.view(part.gradient).permute(2, 0, 1, 3).to(scale.dtype)
    return torch.mul(by_head, scale, out=by_head.new_empty(by_head.shape))


def _along(
    vectors: Float[Tensor, "destination rows pos d_model"], unit: Float[Tensor, "rows pos d_model"]
) -> Float[Tensor, "destination rows pos"]:
    """The dot products of every destination's vectors with one vector a token, as one batched product.

    Row times matrix: a tenth of the time of matrix times column.
    """
    by_token = vectors.flatten(1, 2).permute(1, 2, 0)
    products = torch.bmm(unit.flatten(0, 1)[:, None], by_token)[:, 0]
    return products.T.reshape(len(vectors), *unit.shape[:2])
