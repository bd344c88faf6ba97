"""Gradients at every destination from one ordinary backward pass.

1. While the clean run goes forward, keep the stream in front of every norm (autograd keeps it anyway).
2. While the backward pass goes from the output to the input, take the gradient at the outputs of the q, k, v
   projections, at the MLP's normed input and at the unembedding's input.
3. Bring each back to the stream as its destination read it, ``dL/d(in_v)``: through the head's slice of the projection
   and through the norm's own Jacobian (closed form), and hand it on at once. No gradient is stored.

The gradient with respect to an edge equals the gradient with respect to its destination (Syed et al. 2023, Appendix F).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.forward import embed_as_leaf, gather, read_at, run
from edgewise.engine.hooks import Hooks
from edgewise.engine.sources import SourceOutputs, accumulation_dtype
from edgewise.graph import Graph
from edgewise.models import Wiring
from edgewise.models.wiring import Attention, Mlp, Projection


@dataclass(frozen=True)
class DestinationGradient:
    """The gradient at some destinations, as the backward pass reaches them.

    Args:
        columns: which destinations of the graph.
        n_sources: how many leading sources precede them.
        rows: which prompts of the batch.
        positions: the positions that ``gradient`` covers: a span of the prompt, or indices ``[batch, pos]``.
        gradient: ``dL/d(in_v)``, ``[destination, batch, pos, d_model]``, in the accumulation type.
    """

    columns: slice
    n_sources: int
    rows: slice
    positions: slice | Tensor
    gradient: Float[Tensor, "destination batch pos d_model"]


Consume = Callable[[DestinationGradient], None]

# Prompt tokens whose per-head gradients are made at a time: they, and their products, then stay in the cache.
TOKENS_AT_ONCE = 128


class DifferentiableRun:
    """One run of the model whose backward pass yields the gradient at every destination.

    Args:
        hooks: hooks on the borrowed model.
        wiring: the model's wiring.
        graph: its graph.
        positions: where logits are read, ``[batch, n_positions]``.
        span: the positions whose gradients are wanted.

    Attributes:
        sources: what every source wrote in this run.
        logits: ``[batch, n_positions, vocab]``, with their autograd graph.
    """

    def __init__(self, hooks: Hooks, wiring: Wiring, graph: Graph, positions: Tensor, span: slice) -> None:
        self.sources = SourceOutputs()
        self.logits = torch.empty(0)
        self._wiring, self._graph, self._positions, self._span = wiring, graph, positions, span
        self._consume: Consume | None = None
        embed_as_leaf(hooks, wiring)
        self.sources.record(hooks, wiring)
        for layer, block in enumerate(wiring.blocks):
            self._tap_attention(hooks, layer, block.attention)
            if block.mlp is not None:
                self._tap_mlp(hooks, layer, block.mlp)
        self._tap_logits(hooks)

    @torch.enable_grad()
    def forward(self, ids: Tensor) -> None:
        """Run the model on token ids ``[batch, pos]``."""
        self.logits = run(self._wiring, ids)

    def backward(self, logit_gradient: Tensor, consume: Consume) -> None:
        """Run the backward pass; ``consume`` gets each destination's gradient, last destinations first."""
        self._consume = consume
        torch.autograd.backward(self.logits, logit_gradient.to(self.logits.dtype))

    def _emit(
        self, columns: slice, n_sources: int, positions: slice | Tensor, gradient: Tensor, rows: slice = slice(None)
    ) -> None:
        if self._consume is None:
            raise RuntimeError("a gradient arrived before backward() was called")
        self._consume(DestinationGradient(columns, n_sources, rows, positions, gradient))

    def _tap_attention(self, hooks: Hooks, layer: int, attention: Attention) -> None:
        stream: list[Tensor] = []
        hooks.before(attention.norm.module, lambda x: stream.append(x.detach()))
        columns = (self._graph.q(layer), self._graph.k(layer), self._graph.v(layer))
        n_sources = self._graph.sources_before_attention(layer)
        for fused in _by_module(attention, columns):
            first, last = fused[0][1].start, fused[-1][1].stop

            def arrived(
                gradient: Tensor,
                parts: list[tuple[Projection, slice]] = fused,
                at: slice = slice(first, last),
            ) -> None:
                projections = [part for part, _ in parts]
                x, upstream = stream[0][:, self._span], gradient[:, self._span]
                for rows, pulled in head_gradients(attention, projections, x, upstream):
                    self._emit(at, n_sources, self._span, pulled, rows)

            def tap(output: Tensor, on_gradient: Callable[[Tensor], None] = arrived) -> None:
                output.register_hook(on_gradient)

            hooks.after(fused[0][0].module, tap)

    def _tap_mlp(self, hooks: Hooks, layer: int, mlp: Mlp) -> None:
        stream: list[Tensor] = []
        hooks.before(mlp.norm.module, lambda x: stream.append(x.detach()))
        column = self._graph.mlp(layer)

        def arrived(gradient: Tensor) -> None:
            dtype = accumulation_dtype(gradient.dtype)
            x, upstream = stream[0][:, self._span].to(dtype), gradient[:, self._span].to(dtype)
            pulled = mlp.norm.pullback(x, upstream)
            self._emit(slice(column, column + 1), self._graph.sources_before_mlp(layer), self._span, pulled[None])

        def tap(normed: Tensor) -> Tensor:
            # A view of its own: where attention and MLP share one normed stream, this gradient is the MLP's alone.
            own = normed.view_as(normed)
            own.register_hook(arrived)
            return own

        hooks.before(mlp.module, tap)

    def _tap_logits(self, hooks: Hooks) -> None:
        stream: list[Tensor] = []
        norm, column = self._wiring.final_norm, self._graph.logits
        hooks.before(norm.module, lambda x: stream.append(gather(x.detach(), self._positions)))

        def arrived(gradient: Tensor) -> None:
            dtype = accumulation_dtype(gradient.dtype)
            pulled = norm.pullback(stream[0].to(dtype), gradient.to(dtype))
            self._emit(slice(column, column + 1), self._graph.n_sources, self._positions, pulled[None])

        def tap(normed: Tensor) -> Tensor:
            normed.register_hook(arrived)
            return normed

        read_at(hooks, self._wiring, self._positions, tap)


def head_gradients(
    attention: Attention,
    projections: list[Projection],
    stream: Float[Tensor, "batch pos d_model"],
    gradient: Float[Tensor, "batch pos width"],
) -> Iterator[tuple[slice, Float[Tensor, "destination rows pos d_model"]]]:
    """``dL/d(in_v)`` for every head of some projections of one module, a few prompts at a time.

    With ``g_v`` the gradient at a head's projection output, ``W_v`` its weights with the norm's gain and centring
    folded in, ``x_hat`` and ``s`` the norm's statistics: ``s (W_v g_v - x_hat (x_hat . W_v g_v) / d_model)``.
    All heads of all prompts at once would be many times the size of the stream; a few prompts stay in the cache.

    Args:
        attention: the block's attention.
        projections: those of q, k, v that the module computes.
        stream: the stream in front of the attention's norm.
        gradient: the gradient at the module's output.

    Yields:
        Prompts of the batch and their gradients.
    """
    dtype = accumulation_dtype(gradient.dtype)
    x_hat, scale = attention.norm.standardise(stream.to(dtype))
    upstream = gradient.to(dtype) * scale
    heads = [projection.view(upstream).permute(2, 0, 1, 3) for projection in projections]
    weights = [attention.norm.fold(part.weight().to(dtype)).permute(1, 2, 0) for part in projections]
    counts = [len(part) for part in heads]
    at_once = max(1, TOKENS_AT_ONCE // stream.shape[1])
    for first in range(0, len(stream), at_once):
        rows = slice(first, min(first + at_once, len(stream)))
        unit = x_hat[rows]
        pulled = unit.new_empty(sum(counts), *unit.shape)
        for part, weight, into in zip(heads, weights, pulled.split(counts), strict=True):
            torch.bmm(part[:, rows].flatten(1, 2), weight, out=into.flatten(1, 2))
        along = torch.einsum("nbpd,bpd->nbp", pulled, unit) / unit.shape[-1]
        yield rows, pulled.addcmul_(along[..., None], unit, value=-1)


def _by_module(attention: Attention, columns: tuple[slice, slice, slice]) -> list[list[tuple[Projection, slice]]]:
    """q, k and v with their columns, those that one fused module computes together."""
    groups: dict[int, list[tuple[Projection, slice]]] = {}
    for projection, at in zip(attention.projections, columns, strict=True):
        groups.setdefault(id(projection.module), []).append((projection, at))
    return list(groups.values())
