"""The clean run of a batch, kept for runs that begin in the middle of the model.

What enters each block, what its norms read and what its q, k and v modules return; and of each source its change,
``replacement_u - o_u``, kept small: in front of the output projection for a head.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.engine.run.replacement import Baseline, Replacement
from edgewise.engine.run.sources import SourceOutputs, accumulation_dtype
from edgewise.models import Model, Wiring


@dataclass(frozen=True, eq=False)
class ChangesFrom:
    """What every source's replacement differs by from what it writes.

    Args:
        model: the model.
        answers: where logits are read.
        differences: small, in the accumulation type; the last layer's where logits are read.
    """

    model: Model
    answers: Answers
    differences: Replacement

    def small(self, source: int) -> Tensor:
        """``[batch, pos or n_positions, width]``; of a head in front of the output projection, with its whole layer."""
        if source == self.model.graph.input_source:
            return self.differences.embedding
        layer, head = self.model.graph.writer(source)
        return self.differences.mlps[layer] if head is None else self.differences.heads[layer]

    def __call__(self, source: int, at_answers: bool = False) -> Float[Tensor, "batch pos d_model"]:
        """What one source's replacement differs by, at every position or where logits are read."""
        small, (layer, head) = self.small(source), self.model.graph.writer(source)
        if at_answers and layer < self.model.graph.spec.n_layers - 1:
            small = self.answers.read(small)
        if head is None:
            return small
        out = self.model.wiring.blocks[layer].attention.out
        return out.heads(small)[:, :, head] @ out.head_weight(head, small.dtype)


class CleanRun:
    """A batch of prompts, run clean once.

    Args:
        model: the model; untouched afterwards.
        baseline: the prompts, and what patched edges carry.

    Attributes:
        model: as given.
        baseline: as given.
        logits: of the prompts, ``[batch, n_positions, vocab]``.
        entered: what entered each block, ``[batch, pos, d_model]``.
        before_mlp: what each MLP's norm read; empty for an attention-only model.
        before_logits: what the final norm read.
        unembedded_last: whether the model returned the very tensor that its unembedding made.
        projected: by module, what each of the q, k and v modules returned.
        outputs: what the sources wrote, small; the last layer's where logits are read.
        changes: what their replacements differ by.
    """

    @torch.no_grad()
    def __init__(self, model: Model, baseline: Baseline) -> None:
        """Run the prompts."""
        self.model, self.baseline = model, baseline
        self.dtype = accumulation_dtype(model.dtype)
        self.entered: list[Tensor] = []
        self.before_mlp: list[Tensor] = []
        self.before_logits = torch.empty(0)
        self.projected: dict[nn.Module, Tensor] = {}
        self._in_tuples: set[nn.Module] = set()
        last: list[object] = []
        recorded = SourceOutputs()
        with borrowed(model.module) as hooks:
            self._record(hooks, model.wiring)
            recorded.record(hooks, model.wiring, baseline.answers)
            read_at(hooks, model.wiring, baseline.answers)
            hooks.returned(model.wiring.unembedding, last.append)
            self.logits = run(model.wiring, baseline.ids, repeated_cache(baseline.cache, 1))
        self.unembedded_last = any(_same(tensor, self.logits) for tensor in last)
        self.outputs = Replacement.of(recorded)
        self.changes = self.changes_from(self.outputs)

    @property
    def answers(self) -> Answers:
        """Where logits are read."""
        return self.baseline.answers

    @property
    def normed_at_answers(self) -> Float[Tensor, "batch n_positions d_model"]:
        """What the unembedding read."""
        normed: Tensor = self.model.wiring.final_norm(self.answers.read(self.before_logits))
        return normed

    def change(self, source: int, at_answers: bool = False) -> Float[Tensor, "batch pos d_model"]:
        """See `ChangesFrom.__call__`."""
        return self.changes(source, at_answers)

    def changes_from(self, outputs: Replacement) -> ChangesFrom:
        """What the sources' replacements differ by from other outputs than those of the clean run."""
        return ChangesFrom(self.model, self.answers, self._differences(outputs, self.baseline.replacement))

    def with_peers(self, sources: Iterable[int]) -> list[int]:
        """Sources and those that change with them: a layer's heads, where a norm goes over all of them together."""
        graph, blocks, found = self.model.graph, self.model.wiring.blocks, set[int]()
        for source in sources:
            layer, head = graph.writer(source)
            coupled = head is not None and blocks[layer].attention.coupled
            found.update(range(graph.n_sources)[graph.head_sources(layer)] if coupled else (source,))
        return sorted(found)

    def reading(self, stream: Tensor, sources: Iterable[int], at_answers: bool = False) -> Tensor:
        """A kept stream with each of some sources replaced, ``[sources * batch, pos or n_positions, d_model]``."""
        here = self.answers.read(stream) if at_answers else stream
        changes = (self.change(source, at_answers).to(here.device) for source in sources)
        return torch.cat([(here + change).to(stream.dtype) for change in changes])

    def projected_by(self, layer: int, times: int) -> dict[nn.Module, Tensor]:
        """What the q, k and v modules of a layer returned, so many times one after the other."""
        modules = {part.module for part in self.model.wiring.blocks[layer].attention.projections}
        return {module: self.projected[module].repeat(times, 1, 1) for module in modules}

    def pass_through(self, hooks: Hooks, layer: int) -> None:
        """Let a block return the stream that it is given."""
        block = self.model.wiring.blocks[layer].module
        in_tuple = block in self._in_tuples
        hooks.skip(block, lambda stream, *_, **__: (stream,) if in_tuple else stream)

    def silence_attention(self, hooks: Hooks, layer: int) -> None:
        """Let a block's attention write nothing, behind what its heads gather."""
        width = self.model.graph.spec.d_model
        module = self.model.wiring.blocks[layer].attention.out.module
        hooks.skip(module, lambda z: z.new_zeros(1).expand(*z.shape[:2], width))

    def silence(self, hooks: Hooks, layer: int) -> None:
        """Let a block's MLP write nothing, at no cost."""
        mlp, width = self.model.wiring.blocks[layer].mlp, self.model.graph.spec.d_model
        assert mlp is not None
        in_tuple = mlp.out in self._in_tuples
        if mlp.out is not mlp.module:
            hooks.skip(mlp.module, lambda x: x)
        hooks.skip(mlp.out, partial(_nothing, width, in_tuple))

    def _record(self, hooks: Hooks, wiring: Wiring) -> None:
        for block in wiring.blocks:
            hooks.before(block.module, self.entered.append)
            hooks.returned(block.module, partial(self._note_kind, block.module))
            for module in {part.module for part in block.attention.projections}:
                hooks.after(module, partial(self.projected.__setitem__, module))
            if block.mlp is not None:
                hooks.before(block.mlp.norm.module, self.before_mlp.append)
                hooks.returned(block.mlp.out, partial(self._note_kind, block.mlp.out))
        hooks.before(wiring.final_norm.module, lambda stream: setattr(self, "before_logits", stream))

    def _note_kind(self, module: nn.Module, output: object) -> None:
        if isinstance(output, tuple):
            self._in_tuples.add(module)

    def _differences(self, clean: Replacement, patched: Replacement) -> Replacement:
        def change(then: Tensor, now: Tensor) -> Tensor:
            return then.to(self.dtype) - now.to(self.dtype)

        return Replacement(
            change(patched.embedding, clean.embedding),
            tuple(change(then, now) for then, now in zip(patched.heads, clean.heads, strict=True)),
            tuple(change(then, now) for then, now in zip(patched.mlps, clean.mlps, strict=True)),
        )


def _same(made: object, logits: Tensor) -> bool:
    """Whether a tensor is the logits, or what they were before they were taken home from another device."""
    if made is logits or not isinstance(made, Tensor):
        return made is logits
    return made.device != logits.device and torch.equal(made.to(logits.device), logits)


def _nothing(width: int, in_tuple: bool, x: Tensor, *_: object, **__: object) -> object:
    """What an MLP that writes nothing returns."""
    zero = x.new_zeros(*x.shape[:-1], width)
    return (zero, None) if in_tuple else zero
