"""Runs in which one edge, or one node, is patched and nothing else: they begin where the patch acts.

Everything before a patched destination is what it was in the clean run, and everything behind it is the plain model.

1. The prompts are run clean once. What enters each block, what its norms read and what its q, k and v modules return
   is kept, and of each source its small change: in front of the output projection for a head.
2. To patch edges into layer l's attention, the blocks before l are skipped, its stream is the kept one, and its q, k
   and v modules return what is kept but for the patched heads: those are made of ``stream + change`` alone. What
   follows is the model's own. Rows are edges times prompts.
3. Edges into an MLP replace its input; edges into the logits skip every block.
4. The last block runs where logits are read, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.forward import read_at, repeated_cache, run
from edgewise.engine.hooks import Hooks, borrowed
from edgewise.engine.replacement import Baseline, Replacement
from edgewise.engine.sources import SourceOutputs, accumulation_dtype
from edgewise.models import Model, Wiring
from edgewise.models.wiring import Projection


@dataclass
class _Clean:
    """What is kept of the clean run, one entry a layer.

    Attributes:
        entered: what entered the block, ``[batch, pos, d_model]``.
        before_mlp: what the MLP's norm read; empty for an attention-only model.
        projected: by module, what each of the q, k and v modules returned.
        before_logits: what the final norm read.
        in_tuples: the blocks that return their stream in a tuple.
    """

    entered: list[Tensor] = field(default_factory=list)
    before_mlp: list[Tensor] = field(default_factory=list)
    projected: dict[nn.Module, Tensor] = field(default_factory=dict)
    before_logits: Tensor = field(default_factory=lambda: torch.empty(0))
    in_tuples: set[nn.Module] = field(default_factory=set)

    def record(self, hooks: Hooks, wiring: Wiring) -> None:
        """Put hooks on the model that fill this object during its next run."""
        for block in wiring.blocks:
            hooks.before(block.module, self.entered.append)
            hooks.returned(block.module, partial(self._note_kind, block.module))
            for module in {part.module for part in block.attention.projections}:
                hooks.after(module, partial(self.projected.__setitem__, module))
            if block.mlp is not None:
                hooks.before(block.mlp.norm.module, self.before_mlp.append)
        hooks.before(wiring.final_norm.module, lambda stream: setattr(self, "before_logits", stream))

    def _note_kind(self, block: nn.Module, output: object) -> None:
        if isinstance(output, tuple):
            self.in_tuples.add(block)


class SinglePatches:
    """A batch of prompts, run clean once, to be run again with single edges or nodes patched.

    Args:
        model: the model; untouched between calls.
        baseline: the prompts, and what patched edges carry.

    Attributes:
        clean_logits: of the prompts, ``[batch, n_positions, vocab]``.
    """

    @torch.no_grad()
    def __init__(self, model: Model, baseline: Baseline) -> None:
        """Run the prompts clean."""
        self._model, self._wiring, self._graph, self._baseline = model, model.wiring, model.graph, baseline
        self._dtype = accumulation_dtype(model.dtype)
        self._clean, outputs = _Clean(), SourceOutputs()
        with borrowed(model.module) as hooks:
            self._clean.record(hooks, model.wiring)
            outputs.record(hooks, model.wiring, baseline.answers)
            read_at(hooks, model.wiring, baseline.answers)
            self.clean_logits = run(model.wiring, baseline.ids, repeated_cache(baseline.cache, 1))
        self._changes = self._differences(Replacement.of(outputs), baseline.replacement)
        starts = _starts(self._graph.spec.n_layers, self._graph.spec.n_heads, self._graph.spec.has_mlp)
        self._layer_of, self._head_of = starts

    @torch.no_grad()
    def edges(self, edges: Sequence[tuple[int, int]]) -> Float[Tensor, "edges batch n_positions vocab"]:
        """Logits with each of some edges patched alone; they lead into one layer's attention, or one other place.

        Args:
            edges: source rows and destination columns.

        Raises:
            ValueError: they lead into several places.
        """
        graph, columns = self._graph, [column for _, column in edges]
        if all(column == graph.logits for column in columns):
            return self._into_logits([source for source, _ in edges])
        for layer in range(graph.spec.n_layers):
            attention = graph.attention(layer)
            if all(attention.start <= column < attention.stop for column in columns):
                return self._into_attention(layer, edges)
            if graph.spec.has_mlp and all(column == graph.mlp(layer) for column in columns):
                return self._into_mlp(layer, [source for source, _ in edges])
        raise ValueError("edges of one call lead into one layer's attention, one MLP, or the logits")

    @torch.no_grad()
    def nodes(self, sources: Sequence[int]) -> Float[Tensor, "nodes batch n_positions vocab"]:
        """Logits with each of some nodes patched alone, along all its edges; they are one layer's heads, or one node.

        Args:
            sources: source rows.

        Raises:
            ValueError: they belong to several layers.
        """
        if list(sources) == [self._graph.input_source]:
            return self._run(0, 1, entering=self._clean.entered[0] + self._change(0).to(self._model.dtype))
        layer = self._layer_of[sources[0]]
        if any(self._layer_of[source] != layer for source in sources):
            raise ValueError("nodes of one call belong to one layer")
        if self._head_of[sources[0]] is None:
            return self._with_mlp(layer)
        return self._with_heads(layer, [self._head_of[source] for source in sources])

    # Edges

    def _into_attention(self, layer: int, edges: Sequence[tuple[int, int]]) -> Tensor:
        attention, graph, stream = self._wiring.blocks[layer].attention, self._graph, self._clean.entered[layer]
        given = self._projected(layer, len(edges))
        parts = zip(attention.projections, (graph.q(layer), graph.k(layer), graph.v(layer)), strict=True)
        places = {column: (part, column - at.start) for part, at in parts for column in range(at.start, at.stop)}
        rows = len(stream)
        for number, (source, column) in enumerate(edges):
            part, head = places[column]
            read = (stream + self._change(source)).to(stream.dtype)
            output = given[part.module][number * rows : (number + 1) * rows]
            part.view(output)[:, :, head] = _project(part, head, attention.norm(read))
        return self._run(layer, len(edges), given)

    def _into_mlp(self, layer: int, sources: Sequence[int]) -> Tensor:
        mlp = self._wiring.blocks[layer].mlp
        assert mlp is not None
        stream = self._clean.before_mlp[layer]
        at_answers = layer == self._graph.spec.n_layers - 1
        read = self._reading(stream, sources, at_answers)
        return self._run(
            layer,
            len(sources),
            self._projected(layer, len(sources)),
            lambda hooks: hooks.before(mlp.module, lambda _: mlp.norm(read)),
        )

    def _into_logits(self, sources: Sequence[int]) -> Tensor:
        read = self._reading(self._clean.before_logits, sources, True)
        return self._run(self._graph.spec.n_layers, len(sources), normed=self._wiring.final_norm(read))

    def _reading(self, stream: Tensor, sources: Sequence[int], at_answers: bool) -> Tensor:
        """The stream with each of some changes, ``[sources * batch, pos or n_positions, d_model]``."""
        answers = self._baseline.answers
        here = answers.read(stream) if at_answers else stream
        return torch.cat([(here + self._change(source, at_answers)).to(stream.dtype) for source in sources])

    # Nodes

    def _with_heads(self, layer: int, heads: Sequence[int | None]) -> Tensor:
        out, change = self._wiring.blocks[layer].attention.out, self._changes.heads[layer]
        rows = len(self._baseline.ids)

        def patch(z: Tensor) -> Tensor:
            patched = z.clone()
            for number, head in enumerate(heads):
                mine = out.heads(patched[number * rows : (number + 1) * rows])
                mine[:, :, head] += out.heads(change)[:, :, head].to(z.dtype)
            return patched

        return self._run(
            layer,
            len(heads),
            self._projected(layer, len(heads)),
            lambda hooks: hooks.before(out.module, patch),
        )

    def _with_mlp(self, layer: int) -> Tensor:
        mlp, change = self._wiring.blocks[layer].mlp, self._changes.mlps[layer]
        assert mlp is not None
        return self._run(
            layer,
            1,
            self._projected(layer, 1),
            lambda hooks: hooks.after(mlp.module, lambda out: (out + change).to(out.dtype)),
        )

    # Changes

    def _differences(self, clean: Replacement, patched: Replacement) -> Replacement:
        def change(then: Tensor, now: Tensor) -> Tensor:
            return then.to(self._dtype) - now.to(self._dtype)

        return Replacement(
            change(patched.embedding, clean.embedding),
            tuple(change(then, now) for then, now in zip(patched.heads, clean.heads, strict=True)),
            tuple(change(then, now) for then, now in zip(patched.mlps, clean.mlps, strict=True)),
        )

    def _change(self, source: int, at_answers: bool = False) -> Float[Tensor, "batch pos d_model"]:
        """What a source's replacement differs by, at every position or where logits are read."""
        layer, head = self._layer_of[source], self._head_of[source]
        if source == self._graph.input_source:
            small = self._changes.embedding
        else:
            small = self._changes.mlps[layer] if head is None else self._changes.heads[layer]
        # The last layer's were recorded where logits are read.
        if at_answers and layer < self._graph.spec.n_layers - 1:
            small = self._baseline.answers.read(small)
        if head is None:
            return small
        out = self._wiring.blocks[layer].attention.out
        return out.heads(small)[:, :, head] @ out.weight()[head].to(self._dtype)

    # Running

    def _projected(self, layer: int, times: int) -> dict[nn.Module, Tensor]:
        """What the q, k and v modules of a layer returned, once a row."""
        modules = {part.module for part in self._wiring.blocks[layer].attention.projections}
        return {module: self._clean.projected[module].repeat(times, 1, 1) for module in modules}

    def _run(
        self,
        layer: int,
        times: int,
        given: dict[nn.Module, Tensor] | None = None,
        patch: Callable[[Hooks], None] = lambda hooks: None,
        *,
        entering: Tensor | None = None,
        normed: Tensor | None = None,
    ) -> Float[Tensor, "times batch n_positions vocab"]:
        """Run the model from a layer on.

        Args:
            layer: the first block that runs.
            times: how many times the prompts are run.
            given: what modules return instead of running.
            patch: puts further hooks on the model.
            entering: what enters that block, if not what entered it in the clean run.
            normed: what the unembedding sees, if not what the final norm returns.
        """
        baseline, wiring = self._baseline, self._wiring
        answers = baseline.answers.repeated(times)
        with borrowed(self._model.module) as hooks:
            for block in wiring.blocks[:layer]:
                hooks.skip(block.module, self._passing(block.module))
            if layer < len(wiring.blocks):
                entered = self._clean.entered[layer] if entering is None else entering
                stream = entered if times == 1 else entered.repeat(times, 1, 1)
                hooks.before(wiring.blocks[layer].module, lambda _: stream)
                with answers.last_block(hooks, wiring):
                    patch(hooks)
            for module, output in (given or {}).items():
                hooks.skip(module, lambda *_, output=output, **__: output)
            read_at(hooks, wiring, answers, lambda seen: seen if normed is None else normed)
            logits = run(wiring, baseline.ids.repeat(times, 1), repeated_cache(baseline.cache, times))
        return logits.view(times, len(baseline.ids), *logits.shape[1:])

    def _passing(self, block: nn.Module) -> Callable[..., object]:
        in_tuple = block in self._clean.in_tuples
        return lambda stream, *_, **__: (stream,) if in_tuple else stream


def _project(part: Projection, head: int, normed: Float[Tensor, "batch pos d_model"]) -> Tensor:
    """One head of q, k or v, ``[batch, pos, d_head]``."""
    bias, weight = part.bias(), part.weight()[:, head]
    values = normed @ weight
    return values if bias is None else values + bias[head]


def _starts(n_layers: int, n_heads: int, has_mlp: bool) -> tuple[list[int], list[int | None]]:
    """The layer of each source, and its head where it is one."""
    layers: list[int] = [-1]
    heads: list[int | None] = [None]
    for layer in range(n_layers):
        layers += [layer] * (n_heads + has_mlp)
        heads += [*range(n_heads), *([None] * has_mlp)]
    return layers, heads
