"""Gradients at every destination from one ordinary backward pass.

1. In the clean run, let the gradient at the input of every MLP's norm and of the final norm be seen: that is
   ``dL/d(in_v)`` of the MLP and of the logits.
2. Replace the backward of the q, k, v projections by one that makes each head's own ``dL/d(in_v)`` and returns their
   sum (`edgewise.engine.gradients.heads`).
3. Hand every gradient on as it arrives, last destinations first. No gradient is stored.

The gradient with respect to an edge equals the gradient with respect to its destination (Syed et al. 2023, Appendix F).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from edgewise.engine.gradients.heads import Upstream, head_gradients, join
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.forward import embed_as_leaf, read_at, run
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.sources import SourceOutputs, accumulation_dtype
from edgewise.graph import Graph
from edgewise.models import Wiring
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention


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
class _Group:
    """Some of q, k, v of a layer: which of the three, their destinations, and where their gradient is not zero."""

    parts: slice
    columns: slice
    at_answers: bool


class DifferentiableRun:
    """One run of the model whose backward pass yields the gradient at every destination.

    The functions of the autograd graph know this object weakly: it holds the graph, and Python does not see a circle
    that leads through autograd, so that a run that ends in an error would stay in memory for good.

    Args:
        hooks: hooks on the borrowed model.
        wiring: the model's wiring.
        graph: its graph.
        answers: where logits are read, counted from the run's first token.
        buffers: memory that the backward pass writes into.
        first: the layer with which gradients begin; destinations of earlier ones are passed over.

    Attributes:
        sources: what every source wrote in this run.
        logits: ``[batch, n_positions, vocab]``, with their autograd graph.
    """

    def __init__(
        self, hooks: Hooks, wiring: Wiring, graph: Graph, answers: Answers, buffers: Buffers, first: int = 0
    ) -> None:
        self.sources = SourceOutputs()
        self.logits = torch.empty(0)
        self._wiring, self._graph, self._answers, self._buffers = wiring, graph, answers, buffers
        self._consume: Consume | None = None
        embed_as_leaf(hooks, wiring, first)
        last = len(wiring.blocks) - 1
        for layer, block in enumerate(wiring.blocks[first:], start=first):
            # The attention first: where its norm is the MLP's too, it must hold the stream in front of the MLP's own
            # view of it. Its projections' gradients go around the norm, and only the MLP's come through.
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

    def backward(self, logit_gradient: Tensor, consume: Consume, *, again: bool = False) -> None:
        """Run the backward pass; ``consume`` gets each destination's gradient, last destinations first.

        Args:
            logit_gradient: at the logits.
            consume: called with each gradient as it arrives.
            again: whether another backward pass follows.
        """
        logits, self._consume = self.logits, consume
        if not again:
            self.logits = torch.empty(0)
        torch.autograd.backward(logits, logit_gradient.to(logits.dtype), retain_graph=again)
        self._consume = None

    def _emit(
        self, columns: slice, n_sources: int, at_answers: bool, gradient: Tensor, rows: slice = slice(None)
    ) -> None:
        if self._consume is None:
            raise RuntimeError("a gradient arrived before backward() was called")
        self._consume(DestinationGradient(columns, n_sources, rows, at_answers, gradient))

    def _tap_stream(self, hooks: Hooks, norm: Norm, column: int, n_sources: int, at_answers: bool) -> None:
        """Emit the gradient at a norm's input; the view is this reader's alone, and so is its gradient."""
        this, answers, at = weakref.ref(self), self._answers, slice(column, column + 1)

        def arrived(gradient: Tensor) -> None:
            here = answers.read_once(gradient) if at_answers else gradient
            _alive(this)._emit(at, n_sources, at_answers, here.to(accumulation_dtype(here.dtype))[None])

        def tap(stream: Tensor) -> Tensor:
            own = stream.view_as(stream)
            own.register_hook(arrived)
            return own

        hooks.before(norm.module, tap)

    def _tap_attention(self, hooks: Hooks, layer: int, attention: Attention, is_last: bool) -> None:
        """Emit the gradients of all heads of a layer; the last layer's queries count where logits are read alone."""
        graph = self._graph
        everything = _Group(slice(0, 3), graph.attention(layer), at_answers=False)
        queries = _Group(slice(0, 1), graph.q(layer), at_answers=True)
        others = _Group(slice(1, 3), slice(graph.k(layer).start, graph.v(layer).stop), at_answers=False)
        groups = (queries, others) if is_last else (everything,)
        this, before = weakref.ref(self), graph.sources_before_attention(layer)

        def pull(stream: Tensor, upstream: Sequence[Upstream]) -> Tensor:
            parts = [_alive(this)._pull(attention.norm, stream, upstream, group, before) for group in groups]
            return parts[0] if len(parts) == 1 else parts[0] + parts[1]

        join(hooks, attention, pull)

    def _pull(self, norm: Norm, stream: Tensor, upstream: Sequence[Upstream], group: _Group, n_sources: int) -> Tensor:
        """Emit the gradients of a group's heads; returns their sum, the gradient at the stream."""
        x, wanted = stream, upstream[group.parts]
        if group.at_answers:
            x = self._answers.read(stream)
            wanted = [Upstream(part.projection, self._answers.read_once(part.gradient)) for part in wanted]
        total = x.new_empty(x.shape, dtype=accumulation_dtype(x.dtype))
        for rows, pulled in head_gradients(norm, wanted, x, self._buffers):
            self._emit(group.columns, n_sources, group.at_answers, pulled, rows)
            torch.sum(pulled, 0, out=total[rows])
        return self._answers.spread(total, stream.shape[1]) if group.at_answers else total


def _alive(run: weakref.ref[DifferentiableRun]) -> DifferentiableRun:
    found = run()
    assert found is not None  # it is what runs the backward pass
    return found
