"""What every source writes, captured small: all heads side by side, before the output projection.

A head's output is its slice of the output projection applied to its value-weighted sum; the projection's own bias
belongs to no source. So a run keeps ``[batch, pos, heads * d_head]`` a layer, and the ``d_model``-wide outputs of the
heads are made only for the positions and the micro-batch at hand. Where a norm follows the projection, the scale that
it had in the run is kept in these numbers, and its gain belongs to the slices (`OutputProjection`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.graph import Graph
from edgewise.models import Model, Wiring
from edgewise.models.wiring import Block, OutputProjection


@dataclass
class SourceOutputs:
    """The sources' outputs of one run, filled in by hooks as the run goes on.

    Args:
        start: the first position that is kept.

    Attributes:
        embedding: what enters block 0, ``[batch, pos, d_model]``.
        heads: a layer each, the input of the output projection, ``[batch, pos, heads * d_head]``, scaled as by a norm
            behind it.
        mlps: a layer each, ``[batch, pos, d_model]``; empty for an attention-only model.
    """

    start: int = 0
    embedding: Tensor = field(default_factory=lambda: torch.empty(0))
    heads: list[Tensor] = field(default_factory=list)
    mlps: list[Tensor] = field(default_factory=list)

    def record(self, hooks: Hooks, wiring: Wiring, answers: Answers | None = None) -> None:
        """Put hooks on the model that fill this object during its next run.

        Args:
            hooks: hooks on the borrowed model.
            wiring: its wiring.
            answers: where the run's logits are read; then the last block writes, and is recorded, only there.
        """
        hooks.before(wiring.blocks[0].module, self._keep_embedding)
        for block in wiring.blocks[:-1]:
            self._record_block(hooks, block, self.start)
        last = wiring.blocks[-1]
        if answers is None:
            self._record_block(hooks, last, self.start)
            return
        with answers.last_block(hooks, wiring):
            self._record_block(hooks, last, 0)

    def clear(self) -> None:
        """Let go of what was recorded."""
        self.embedding = torch.empty(0)
        self.heads.clear()
        self.mlps.clear()

    def _record_block(self, hooks: Hooks, block: Block, start: int) -> None:
        watch_heads(hooks, block.attention.out, lambda z: self.heads.append(z.detach()[:, start:]))
        if block.mlp is not None:
            # A copy: Falcon's block adds what the attention wrote to the very same tensor.
            hooks.after(block.mlp.out, lambda out: self.mlps.append(out.detach()[:, start:].clone()))

    def _keep_embedding(self, stream: Tensor) -> None:
        self.embedding = stream.detach()[:, self.start :]


def watch_heads(hooks: Hooks, out: OutputProjection, note: Callable[[Tensor], None]) -> None:
    """Call ``note`` with what the heads write in front of their slices: `OutputProjection.scaled` of this very run."""
    if out.after is None:
        hooks.before(out.module, note)
        return
    latest: list[Tensor] = []
    hooks.before(out.module, latest.append)
    hooks.after(out.module, lambda output: note(out.scaled(latest.pop(), output)))


@torch.no_grad()
def recorded_outputs(model: Model, ids: Int[Tensor, "batch pos"]) -> Float[Tensor, "source batch pos d_model"]:
    """Every source's output in a plain run, in the accumulation type."""
    with borrowed(model.module) as hooks:
        outputs = SourceOutputs()
        outputs.record(hooks, model.wiring)
        model.module(input_ids=ids, use_cache=False, return_dict=True)
    embedding = outputs.embedding.to(accumulation_dtype(outputs.embedding.dtype))
    stacked = embedding.new_empty(model.graph.n_sources, *embedding.shape)
    stacked[model.graph.input_source] = embedding
    for layer, block in enumerate(model.wiring.blocks):
        z = outputs.heads[layer].to(embedding.dtype)
        wide = z.new_empty(block.attention.out.n_heads, *embedding.shape)
        head_outputs(block.attention.out, z, wide)
        stacked[model.graph.head_sources(layer)] = wide
        if block.mlp is not None:
            stacked[model.graph.mlp_source(layer)] = outputs.mlps[layer].to(embedding.dtype)
    return stacked


@dataclass(frozen=True)
class ChangesThere:
    """``o'_u - o_u`` of consecutive sources whose layers are on one device, in the accumulation type.

    Args:
        first: the first of them.
        everywhere: of those that feed an attention, at every position: ``[source, batch, pos, d_model]``.
        at_answers: of all, where logits are read: ``[source, batch, n_positions, d_model]``. What the last block
            writes is read nowhere else.
    """

    first: int
    everywhere: Float[Tensor, "source batch pos d_model"]
    at_answers: Float[Tensor, "all_sources batch n_positions d_model"]

    def of(self, at_answers: bool) -> Float[Tensor, "source batch read d_model"]:
        """Those that a destination reads that counts where logits are read alone, or everywhere."""
        return self.at_answers if at_answers else self.everywhere


@dataclass(frozen=True)
class SourceChanges:
    """``o'_u - o_u`` of every source, each on the device of its layer.

    Args:
        parts: the sources in their order; one part where the whole model is on one device.
        home: where token ids and logits are.
    """

    parts: tuple[ChangesThere, ...]
    home: torch.device


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Products are accumulated in float64 for float64 models, else in float32, never in half precision."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def head_outputs(
    out: OutputProjection, z: Float[Tensor, "batch pos width"], into: Float[Tensor, "heads batch pos d_model"]
) -> None:
    """Write each head's own part of the output projection, ``z_h W_O[h]``, into a given tensor."""
    batch, pos = z.shape[:2]
    per_head = out.heads(z).permute(2, 0, 1, 3).reshape(out.n_heads, batch * pos, -1)
    torch.bmm(per_head, out.weight(z.dtype), out=into.view(out.n_heads, batch * pos, -1))


def source_changes(
    wiring: Wiring,
    graph: Graph,
    clean: SourceOutputs,
    corrupted: SourceOutputs,
    *,
    answers: Answers,
    differs: Bool[Tensor, "batch pos"] | None,
    buffers: Buffers,
) -> SourceChanges:
    """``o'_u - o_u`` of every source, from two runs recorded with the same answers.

    Args:
        wiring: the model's wiring.
        graph: its graph.
        clean: what the sources wrote in the clean run.
        corrupted: likewise in the corrupted run.
        answers: where logits are read.
        differs: False before a prompt's first difference, where the change is zero; None where it is all True.
        buffers: memory to write into.
    """
    there = partial(_changes_there, wiring, graph, clean, corrupted, answers, differs, buffers)
    return SourceChanges(tuple(there(layers) for layers in wiring.by_device()), answers.positions.device)


def _changes_there(
    wiring: Wiring,
    graph: Graph,
    clean: SourceOutputs,
    corrupted: SourceOutputs,
    answers: Answers,
    differs: Bool[Tensor, "batch pos"] | None,
    buffers: Buffers,
    layers: range,
) -> ChangesThere:
    """Those of the layers on one device, ``input`` with the first."""
    last, dtype = len(wiring.blocks) - 1, accumulation_dtype(clean.embedding.dtype)
    first = graph.input_source if layers.start == 0 else graph.head_sources(layers.start).start
    stop = graph.n_sources if layers.stop > last else graph.sources_before_attention(layers.stop)
    n_feeding = min(stop, graph.sources_before_attention(last)) - first
    batch, pos, width = clean.embedding.shape
    like = clean.embedding if layers.start == 0 else clean.heads[layers.start]
    everywhere = buffers.take(f"changes from {first}", (n_feeding, batch, pos, width), like, dtype)
    at_answers = everywhere.new_empty(stop - first, batch, answers.positions.shape[1], width)
    where = None if differs is None else differs.to(everywhere.device)[..., None]
    here = None if where is None else answers.read(where)

    def change(now: Tensor, then: Tensor, where: Tensor | None) -> Tensor:
        difference = then.to(dtype) - now.to(dtype)
        return difference if where is None else difference.mul_(where)

    if layers.start == 0:
        everywhere[graph.input_source] = change(clean.embedding, corrupted.embedding, where)
    for layer in layers:
        block, heads_at = wiring.blocks[layer], graph.head_sources(layer)
        into, places = (at_answers, here) if layer == last else (everywhere, where)
        heads = change(clean.heads[layer], corrupted.heads[layer], places)
        head_outputs(block.attention.out, heads, into[heads_at.start - first : heads_at.stop - first])
        if block.mlp is not None:
            into[graph.mlp_source(layer) - first] = change(clean.mlps[layer], corrupted.mlps[layer], places)
    at_answers[:n_feeding] = answers.read_each(everywhere)
    return ChangesThere(first, everywhere, at_answers)
