"""Gradients at every destination from one ordinary backward pass.

1. In the clean run, let the gradient at the input of every MLP's norm and of the final norm be seen: that is
   ``dL/d(in_v)`` of the MLP and of the logits.
2. Replace the backward of the q, k, v projections by one that makes each head's own ``dL/d(in_v)`` and returns their
   sum (`edgewise.engine.heads`).
3. Hand every gradient on as it arrives, last destinations first. No gradient is stored.

The gradient with respect to an edge equals the gradient with respect to its destination (Syed et al. 2023, Appendix F).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from edgewise.engine.answers import Answers
from edgewise.engine.forward import embed_as_leaf, read_at, run
from edgewise.engine.heads import head_gradients, join
from edgewise.engine.hooks import Hooks
from edgewise.engine.sources import SourceOutputs, accumulation_dtype
from edgewise.graph import Graph
from edgewise.models import Wiring
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Projection


@dataclass(frozen=True)
class DestinationGradient:
    """The gradient at some destinations, as the backward pass reaches them.

    Args:
        columns: which destinations of the graph.
        n_sources: how many leading sources precede them.
        rows: which prompts of the batch.
        at_answers: whether ``gradient`` covers the positions where logits are read, or else every position.
        gradient: ``dL/d(in_v)``, ``[destination, batch, pos, d_model]``, in the accumulation type.
    """

    columns: slice
    n_sources: int
    rows: slice
    at_answers: bool
    gradient: Float[Tensor, "destination batch pos d_model"]


Consume = Callable[[DestinationGradient], None]


@dataclass(frozen=True)
class _Reader:
    """One of q, k, v of a layer: its projection, its destinations, and where its gradient is not zero."""

    projection: Projection
    columns: slice
    at_answers: bool


class DifferentiableRun:
    """One run of the model whose backward pass yields the gradient at every destination.

    Args:
        hooks: hooks on the borrowed model.
        wiring: the model's wiring.
        graph: its graph.
        answers: where logits are read, counted from the run's first token.

    Attributes:
        sources: what every source wrote in this run.
        logits: ``[batch, n_positions, vocab]``, with their autograd graph.
    """

    def __init__(self, hooks: Hooks, wiring: Wiring, graph: Graph, answers: Answers) -> None:
        self.sources = SourceOutputs()
        self.logits = torch.empty(0)
        self._wiring, self._graph, self._answers = wiring, graph, answers
        self._consume: Consume | None = None
        embed_as_leaf(hooks, wiring)
        last = len(wiring.blocks) - 1
        for layer, block in enumerate(wiring.blocks):
            self._tap_attention(hooks, layer, block.attention, layer == last)
            if block.mlp is not None:
                before = graph.sources_before_mlp(layer)
                self._tap_stream(hooks, block.mlp.norm, graph.mlp(layer), before, layer == last)
        self._tap_stream(hooks, wiring.final_norm, graph.logits, graph.n_sources, at_answers=True)
        self.sources.record(hooks, wiring, answers)
        read_at(hooks, wiring, answers)

    @torch.enable_grad()
    def forward(self, ids: Tensor, cache: DynamicCache | None = None) -> None:
        """Run the model on token ids ``[batch, pos]``, after those that a cache holds."""
        self.logits = run(self._wiring, ids, cache)

    def backward(self, logit_gradient: Tensor, consume: Consume) -> None:
        """Run the backward pass, once; ``consume`` gets each destination's gradient, last destinations first."""
        logits, self.logits, self._consume = self.logits, torch.empty(0), consume
        torch.autograd.backward(logits, logit_gradient.to(logits.dtype))
        # The graph's functions hold this object: were it to hold the graph, or what is consumed, all of it would stay
        # in memory until Python looks for cycles.
        self._consume = None

    def _emit(
        self, columns: slice, n_sources: int, at_answers: bool, gradient: Tensor, rows: slice = slice(None)
    ) -> None:
        if self._consume is None:
            raise RuntimeError("a gradient arrived before backward() was called")
        self._consume(DestinationGradient(columns, n_sources, rows, at_answers, gradient))

    def _tap_stream(self, hooks: Hooks, norm: Norm, column: int, n_sources: int, at_answers: bool) -> None:
        """Emit the gradient at a norm's input; the view is this reader's alone, and so is its gradient."""

        def arrived(gradient: Tensor) -> None:
            here = self._answers.read_once(gradient) if at_answers else gradient
            at = slice(column, column + 1)
            self._emit(at, n_sources, at_answers, here.to(accumulation_dtype(here.dtype))[None])

        def tap(stream: Tensor) -> Tensor:
            own = stream.view_as(stream)
            own.register_hook(arrived)
            return own

        hooks.before(norm.module, tap)

    def _tap_attention(self, hooks: Hooks, layer: int, attention: Attention, is_last: bool) -> None:
        n_sources = self._graph.sources_before_attention(layer)
        for readers in _by_module(attention, self._graph, layer, is_last):

            def pull(stream: Tensor, gradient: Tensor, readers: list[_Reader] = readers) -> Tensor:
                return self._pull(attention.norm, readers, n_sources, stream, gradient)

            join(hooks, attention.norm, [reader.projection for reader in readers], pull)

    def _pull(self, norm: Norm, readers: Sequence[_Reader], n_sources: int, stream: Tensor, gradient: Tensor) -> Tensor:
        """Emit the gradients of all heads of one module; returns their sum, the gradient at the stream."""
        total = stream.new_zeros(stream.shape, dtype=accumulation_dtype(gradient.dtype))
        for at_answers in (False, True):
            group = [reader for reader in readers if reader.at_answers == at_answers]
            if not group:
                continue
            x, upstream = stream, gradient
            if at_answers:
                x, upstream = self._answers.read(stream), self._answers.read_once(gradient)
            at = slice(group[0].columns.start, group[-1].columns.stop)
            summed = x.new_empty(x.shape, dtype=total.dtype)
            for rows, pulled in head_gradients(norm, [reader.projection for reader in group], x, upstream):
                self._emit(at, n_sources, at_answers, pulled, rows)
                torch.sum(pulled, 0, out=summed[rows])
            total += self._answers.spread(summed, stream.shape[1]) if at_answers else summed
        return total


def _by_module(attention: Attention, graph: Graph, layer: int, is_last: bool) -> list[list[_Reader]]:
    """q, k and v of a layer, those that one fused module computes together; the last queries count at answers alone."""
    columns = (graph.q(layer), graph.k(layer), graph.v(layer))
    groups: dict[int, list[_Reader]] = {}
    for projection, at, is_query in zip(attention.projections, columns, (True, False, False), strict=True):
        reader = _Reader(projection, at, is_last and is_query)
        groups.setdefault(id(projection.module), []).append(reader)
    return list(groups.values())
