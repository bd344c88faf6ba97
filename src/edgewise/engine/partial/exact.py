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
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from edgewise.engine.partial.answer_logits import columns_of
from edgewise.engine.partial.clean import CleanRun
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, Watch, borrowed
from edgewise.engine.run.replacement import Baseline
from edgewise.models import Model


class SinglePatches:
    """A batch of prompts, run clean once, to be run again with single edges or nodes patched.

    Args:
        model: the model; untouched between calls.
        baseline: the prompts, and what patched edges carry.
        tokens: those of each prompt whose logits count, where not all do; see ``narrowed``.

    Attributes:
        clean_logits: of the prompts, ``[batch, n_positions, vocab]``.
        narrowed: whether patched runs make the logits of ``tokens`` alone, in the place of a vocabulary; a model that
            does more than multiply by its unembedding does not allow it.
        unpatched: the logits of the prompts as patched runs make them.
    """

    def __init__(self, model: Model, baseline: Baseline, tokens: Int64[Tensor, "batch n_tokens"] | None = None) -> None:
        """Run the prompts clean."""
        self._model, self._wiring, self._graph, self._baseline = model, model.wiring, model.graph, baseline
        self._clean = CleanRun(model, baseline)
        self._columns = None if tokens is None else columns_of(self._clean, tokens)
        self.clean_logits, self.narrowed = self._clean.logits, self._columns is not None
        self.unpatched = (
            self.clean_logits
            if self._columns is None
            else self._columns(self._clean.normed_at_answers).to(self.clean_logits.device)
        )

    @torch.no_grad()
    def edges(self, edges: Sequence[tuple[int, ...]]) -> Float[Tensor, "edges batch n_positions tokens"]:
        """Logits with each of some edges patched alone; they lead into one layer's attention, or one other place.

        Args:
            edges: source rows and destination columns; and the place in the prompt, where edges are kept apart by it;
                and behind it the place of the reader, to which alone the patch of a key or value then shows.

        Raises:
            ValueError: they lead into several places.
        """
        places = {self._graph.reader(column) for _, column, *_ in edges}
        if len(places) != 1:
            raise ValueError("edges of one call lead into one layer's attention, one MLP, or the logits")
        ((layer, is_mlp),) = places
        if layer == self._graph.spec.n_layers:
            return self._into_logits(edges)
        return self._into_mlp(layer, edges) if is_mlp else self._into_attention(layer, edges)

    @torch.no_grad()
    def nodes(self, sources: Sequence[int]) -> Float[Tensor, "nodes batch n_positions tokens"]:
        """Logits with each of some nodes patched alone, along all its edges; they are heads of one layer, or one node.

        Args:
            sources: source rows.

        Raises:
            ValueError: they are others.
        """
        if list(sources) == [self._graph.input_source]:
            return self._run(0, 1, entering=self._clean.entered[0] + self._clean.change(0).to(self._model.dtype))
        places = [self._graph.writer(source) for source in sources]
        layers, heads = {layer for layer, _ in places}, [head for _, head in places if head is not None]
        if len(layers) > 1 or len(heads) not in (0, len(sources)):
            raise ValueError("nodes of one call are heads of one layer, or a single MLP")
        (layer,) = layers
        return self._with_heads(layer, heads) if heads else self._with_mlp(layer)

    @torch.no_grad()
    def given(
        self, layer: int, times: int, module: nn.Module, change: Watch
    ) -> Float[Tensor, "times batch n_positions tokens"]:
        """Logits when a module behind a layer's projections is given something else, in each of some copies.

        Args:
            layer: the module's.
            times: how many copies of the prompts are run.
            module: the module.
            change: from what it is given, copy after copy, to what it is given instead.
        """
        known = self._clean.projected_by(layer, times)
        return self._run(layer, times, known, lambda hooks: hooks.before(module, change))

    # Edges

    def _read(self, stream: Tensor, edges: Sequence[tuple[int, ...]], at_answers: bool = False) -> Tensor:
        """A kept stream with each of some edges patched, ``[edges * batch, pos or n_positions, d_model]``."""
        here = self._clean.answers.read(stream) if at_answers else stream
        return torch.cat([(here + self._change(edge, at_answers).to(here.device)).to(stream.dtype) for edge in edges])

    def _change(self, edge: tuple[int, ...], at_answers: bool = False) -> Tensor:
        """What an edge's patch adds to what its destination reads: at its own place alone, where it has one."""
        change, places = self._clean.change(edge[0], at_answers), self._baseline.places
        if len(edge) == 2:
            return change
        assert places is not None
        return change * places.mask(edge[2], at_answers).to(change.device)

    def _into_attention(self, layer: int, edges: Sequence[tuple[int, ...]]) -> Tensor:
        attention, graph, stream = self._wiring.blocks[layer].attention, self._graph, self._clean.entered[layer]
        given = self._clean.projected_by(layer, len(edges))
        parts = zip(attention.projections, (graph.q(layer), graph.k(layer), graph.v(layer)), strict=True)
        places = {column: (part, column - at.start) for part, at in parts for column in range(at.start, at.stop)}
        rows = len(stream)
        by_reader = len(edges[0]) > 3
        if by_reader:
            given = self._clean.projected_by(layer, len(edges) + 1)
        for number, edge in enumerate(edges):
            part, head = places[edge[1]]
            read = self._read(stream, [edge])
            output = given[part.module][number * rows : (number + 1) * rows]
            part.view.write(output, head, part.project(attention.norm(read), head))
        if not by_reader:
            return self._run(layer, len(edges), given)
        shown = partial(self._to_readers, layer, [edge[3] for edge in edges])
        return self._run(layer, len(edges) + 1, given, lambda hooks: hooks.before(attention.out.module, shown))[:-1]

    def _to_readers(self, layer: int, readers: Sequence[int], z: Tensor) -> Tensor:
        """What heads gather with an edge patched, at its reader's place; elsewhere that of the last, clean copy."""
        places, last = self._baseline.places, layer == len(self._wiring.blocks) - 1
        assert places is not None
        copies = z.unflatten(0, (len(readers) + 1, -1))
        masks = torch.stack([places.mask(reader, last) for reader in readers]).to(z.device)
        return torch.cat([torch.where(masks, copies[:-1], copies[-1]), copies[-1:]]).flatten(0, 1)

    def _into_mlp(self, layer: int, edges: Sequence[tuple[int, ...]]) -> Tensor:
        mlp = self._wiring.blocks[layer].mlp
        assert mlp is not None
        stream = self._clean.before_mlp[layer]
        at_answers = layer == self._graph.spec.n_layers - 1
        read = self._read(stream, edges, at_answers)
        return self._run(
            layer,
            len(edges),
            self._clean.projected_by(layer, len(edges)),
            lambda hooks: hooks.before(mlp.module, lambda _: mlp.norm(read)),
        )

    def _into_logits(self, edges: Sequence[tuple[int, ...]]) -> Tensor:
        read = self._read(self._clean.before_logits, edges, at_answers=True)
        return self._run(self._graph.spec.n_layers, len(edges), normed=self._wiring.final_norm(read))

    # Nodes

    def _with_heads(self, layer: int, heads: Sequence[int]) -> Tensor:
        first = self._graph.head_sources(layer).start
        change = torch.cat([self._clean.change(first + head) for head in heads])
        return self._with_change(layer, len(heads), self._wiring.blocks[layer].attention.out.writer, change)

    def _with_mlp(self, layer: int) -> Tensor:
        mlp = self._wiring.blocks[layer].mlp
        assert mlp is not None
        return self._with_change(layer, 1, mlp.out, self._clean.change(self._graph.mlp_source(layer)))

    def _with_change(self, layer: int, times: int, writer: nn.Module, change: Tensor) -> Tensor:
        """Logits when a change is added to what a module of a layer writes to the stream."""
        return self._run(
            layer,
            times,
            self._clean.projected_by(layer, times),
            lambda hooks: hooks.after(writer, lambda out: (out + change).to(out.dtype)),
        )

    # Running

    def _run(
        self,
        layer: int,
        times: int,
        given: dict[nn.Module, Tensor] | None = None,
        patch: Callable[[Hooks], None] = lambda hooks: None,
        *,
        entering: Tensor | None = None,
        normed: Tensor | None = None,
    ) -> Float[Tensor, "times batch n_positions tokens"]:
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
            for skipped in range(layer):
                self._clean.pass_through(hooks, skipped)
            if layer < len(wiring.blocks):
                entered = self._clean.entered[layer] if entering is None else entering
                stream = entered if times == 1 else entered.repeat(times, 1, 1)
                hooks.before(wiring.blocks[layer].module, lambda _: stream)
                with answers.last_block(hooks, wiring):
                    patch(hooks)
            for module, output in (given or {}).items():
                hooks.skip(module, lambda *_, output=output, **__: output)
            read_at(hooks, wiring, answers, lambda seen: seen if normed is None else normed)
            if self._columns is not None:
                hooks.skip(wiring.unembedding, self._columns)
            logits = run(wiring, baseline.ids.repeat(times, 1), repeated_cache(baseline.cache, times))
        return logits.view(times, len(baseline.ids), *logits.shape[1:])
