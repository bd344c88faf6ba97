"""A run whose backward pass follows a rule set, and what it gives of every destination.

Ordinary autograd goes through projections and norms, with the rules' derivatives. At the output of each q, k, v
projection, at what an MLP's module is given and at what the unembedding is given, the gradient is seen; from it the
gradient at the *output of the destination's norm* follows for each head by itself. What the norm does to it is the
destination rule's (`edgewise.engine.rules.destination`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakMethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import DynamicCache

from edgewise.engine.gradients.heads import Upstream
from edgewise.engine.rules.mode import Ruled
from edgewise.engine.rules.reference import NAME, has_reference, reference
from edgewise.engine.rules.units import replace_units
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.forward import embed_as_leaf, read_at, run
from edgewise.engine.run.hooks import Hooks
from edgewise.engine.run.sources import SourceOutputs
from edgewise.graph import Graph
from edgewise.models import Wiring
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention


@dataclass(frozen=True)
class Arrival:
    """The gradient behind one norm, as the backward pass reaches it.

    Args:
        columns: the destinations that read through the norm here.
        n_sources: how many leading sources precede them.
        at_answers: whether tensors cover the positions where logits are read, or else every position.
        norm: the norm.
        stream: what it was given, ``[batch, pos, d_model]``.
        reference: the same in the reference run, where there is one.
        heads: gradients at the outputs of projections, whose heads are the destinations, in their order.
        direct: or the gradient at what the one destination is given, ``[batch, pos, d_model]``.
    """

    columns: slice
    n_sources: int
    at_answers: bool
    norm: Norm
    stream: Float[Tensor, "batch pos d_model"]
    reference: Float[Tensor, "batch pos d_model"] | None
    heads: tuple[Upstream, ...] = ()
    direct: Float[Tensor, "batch pos d_model"] | None = None


Receive = Callable[[Arrival], None]


class RuledRun:
    """One run of the model under a rule set.

    The autograd graph knows this object weakly, as `edgewise.engine.gradients.run` says.

    Args:
        hooks: hooks on the borrowed model.
        wiring: the model's wiring.
        graph: its graph.
        answers: where logits are read, counted from the run's first token.
        mode: the rule set's mode.
        embedding: the reference run's embedding ``[batch, pos, d_model]``, or what makes it of this run's own.

    Attributes:
        sources: what every source wrote in this run; tensors with references, where a reference run goes along.
        logits: ``[batch, n_positions, vocab]``, with their autograd graph.
    """

    def __init__(
        self,
        hooks: Hooks,
        wiring: Wiring,
        graph: Graph,
        answers: Answers,
        mode: Ruled,
        embedding: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.sources, self.logits = SourceOutputs(), torch.empty(0)
        self._wiring, self._graph, self._answers, self._mode = wiring, graph, answers, mode
        self._receive: Receive | None = None
        self._streams: dict[int, Tensor] = {}
        self._arrived: dict[int, Tensor] = {}
        replace_units(hooks, wiring, mode)
        embed_as_leaf(hooks, wiring)
        if embedding is not None:
            hooks.before(wiring.blocks[0].module, partial(_refer, make=embedding))
        last = len(wiring.blocks) - 1
        for layer, block in enumerate(wiring.blocks):
            self._watch(hooks, block.attention.norm)
            self._tap_attention(hooks, layer, block.attention, layer == last)
            if block.mlp is not None:
                self._watch(hooks, block.mlp.norm)
        self._watch(hooks, wiring.final_norm)
        self.sources.record(hooks, wiring, answers)
        read_at(hooks, wiring, answers)
        # After the last block was narrowed to the positions that are read: what arrives is as narrow.
        for layer, block in enumerate(wiring.blocks):
            if block.mlp is not None:
                before = graph.sources_before_mlp(layer)
                self._tap(hooks, block.mlp.module, block.mlp.norm, graph.mlp(layer), before, layer == last)
        self._tap(hooks, wiring.unembedding, wiring.final_norm, graph.logits, graph.n_sources, True)

    @torch.enable_grad()
    def forward(self, ids: Tensor, cache: DynamicCache | None = None, reference_ids: Tensor | None = None) -> None:
        """Run the model on token ids ``[batch, pos]``, after those that a cache holds.

        Args:
            ids: the run's own.
            cache: keys and values of the tokens before, the same in both runs.
            reference_ids: the reference run's, where that starts from other tokens.
        """
        own = ids.clone()
        if reference_ids is not None:
            setattr(own, NAME, reference_ids)
        with self._mode:
            self.logits = run(self._wiring, own, cache)

    def backward(self, logit_gradient: Tensor, receive: Receive, *, again: bool = False) -> None:
        """Run the backward pass; ``receive`` gets what arrives, last destinations first.

        Args:
            logit_gradient: at the logits.
            receive: called with each arrival.
            again: whether another backward pass follows.
        """
        logits, self._receive = self.logits, receive
        if not again:
            self.logits = torch.empty(0)
        torch.autograd.backward(logits, logit_gradient.to(logits.dtype), retain_graph=again)
        self._receive = None

    def _watch(self, hooks: Hooks, norm: Norm) -> None:
        """Keep what a norm is given, detached: the graph is not to outlive its backward pass."""
        hooks.before(norm.module, partial(self._keep, norm))

    def _keep(self, norm: Norm, stream: Tensor) -> None:
        self._streams[id(norm.module)] = stream.detach()

    def _tap(self, hooks: Hooks, module: nn.Module, norm: Norm, column: int, before: int, at_answers: bool) -> None:
        arrived = partial(_call, WeakMethod(self._emit), slice(column, column + 1), before, at_answers, norm, ())
        hooks.before(module, partial(_tapped, arrived=arrived))

    def _tap_attention(self, hooks: Hooks, layer: int, attention: Attention, is_last: bool) -> None:
        modules = {id(part.module): part.module for part in attention.projections}
        for key, module in modules.items():
            arrived = partial(_call, WeakMethod(self._collect), layer, attention, len(modules), is_last, key)
            hooks.after(module, partial(_tapped, arrived=arrived))

    def _collect(
        self, layer: int, attention: Attention, n_modules: int, is_last: bool, key: int, gradient: Tensor
    ) -> None:
        """Emit a layer's heads once the gradients of all its projections are there."""
        self._arrived[key] = gradient
        if len(self._arrived) < n_modules:
            return
        parts = [Upstream(part, self._arrived[id(part.module)]) for part in attention.projections]
        self._arrived.clear()
        graph, before = self._graph, self._graph.sources_before_attention(layer)
        if not is_last:
            self._emit(graph.attention(layer), before, False, attention.norm, tuple(parts))
            return
        # The last layer's queries count where logits are read, and nowhere else.
        queries = Upstream(parts[0].projection, self._answers.read_once(parts[0].gradient))
        self._emit(graph.q(layer), before, True, attention.norm, (queries,))
        others = slice(graph.k(layer).start, graph.v(layer).stop)
        self._emit(others, before, False, attention.norm, tuple(parts[1:]))

    def _emit(
        self,
        columns: slice,
        n_sources: int,
        at_answers: bool,
        norm: Norm,
        heads: tuple[Upstream, ...],
        direct: Tensor | None = None,
    ) -> None:
        if self._receive is None:
            raise RuntimeError("a gradient arrived before backward() was called")
        seen = self._streams[id(norm.module)]
        other = reference(seen) if has_reference(seen) else None
        if at_answers:
            seen = self._answers.read(seen)
            other = None if other is None else self._answers.read(other)
        self._receive(Arrival(columns, n_sources, at_answers, norm, seen, other, heads, direct))


def _call(method: WeakMethod[Callable[..., None]], *args: Any) -> None:
    found = method()
    assert found is not None  # its object is what runs the backward pass
    found(*args)


def _tapped(x: Tensor, arrived: Callable[[Tensor], None]) -> Tensor:
    """A view of this reader's own, whose gradient is seen."""
    own = x.view_as(x)
    own.register_hook(partial(_seen, arrived))
    return own


def _seen(arrived: Callable[[Tensor], None], gradient: Tensor) -> None:
    arrived(gradient)


def _refer(stream: Tensor, make: Callable[[Tensor], Tensor]) -> None:
    with torch._C.DisableTorchFunction():
        setattr(stream, NAME, make(stream.detach()))
