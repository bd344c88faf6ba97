"""Carrying a change at one destination on to the logits, along kept edges alone.

Blocks that no change reaches are passed through, and of the others only the heads and MLPs that one reaches are made
anew. Where a norm goes over a layer's heads together, a change at one reaches them all. The stream that the blocks hand
on is of no account: every destination's own is kept, and changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.partial.circuit_values import CircuitValues
from edgewise.engine.run.forward import read_at, repeated_cache, run
from edgewise.engine.run.hooks import Hooks, borrowed
from edgewise.graph.arrays import BoolArray
from edgewise.models.wiring import Attention, Mlp, Projection


@dataclass
class Trial:
    """What removing some edges would give, several variants side by side.

    Attributes:
        into: the column of the destination, and the place where edges are kept apart by it.
        variants: which sources each variant removes.
        logits: of each, ``[variants, batch, n_positions, vocab or n_tokens]``.
        reads: by destination, what it would read, ``[variants * batch, pos or n_positions, d_model]``.
        projected: by module of q, k and v, what it would return.
        z: by layer, what the heads would write in front of their slices (the last layer's where logits are read).
        mlps: by layer, what the MLP would write.
    """

    into: tuple[int, ...]
    variants: Sequence[Sequence[int]]
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    reads: dict[int, Tensor] = field(default_factory=dict)
    projected: dict[nn.Module, Tensor] = field(default_factory=dict)
    z: dict[int, Tensor] = field(default_factory=dict)
    mlps: dict[int, Tensor] = field(default_factory=dict)


class Propagation:
    """One run that carries the changes of a trial on to the logits."""

    def __init__(self, values: CircuitValues, trial: Trial, removed: BoolArray | None = None) -> None:
        """Find out what changes.

        Args:
            values: of the present circuit.
            trial: where the changes go; its ``reads`` say what one destination reads.
            removed: edges that are no longer kept, but whose destinations still read what their sources wrote.
        """
        self._now, self._trial, self._removed = values, trial, removed
        self._graph, self._clean = values.graph, values.clean
        self._wiring, self._answers = self._clean.model.wiring, self._clean.answers.repeated(len(trial.variants))
        self._times = len(trial.variants)
        self._written: dict[int, Tensor] = {}
        # Which sources a destination keeps, and which it has lost, at any place.
        self._kept = self._graph.any_place(values.kept)
        self._gone = None if removed is None else self._graph.any_place(removed)
        changed = set(trial.reads) if self._gone is None else set(np.flatnonzero(self._gone.any(0)).tolist())
        self._columns, self._nodes = self._reached(changed)

    def run(self) -> None:
        """Fill the trial."""
        graph, times, baseline = self._graph, self._times, self._clean.baseline
        if graph.logits not in self._columns:
            self._trial.logits = self._now.logits.expand(times, *self._now.logits.shape)
            # The node's own values are not needed by anyone until an edge leads on from it, which none does.
            return
        with borrowed(self._clean.model.module) as hooks:
            for layer, block in enumerate(self._wiring.blocks):
                heads, mlp = self._active(layer)
                if not heads and not mlp:
                    self._clean.pass_through(hooks, layer)
                    continue
                self._attend(hooks, layer, block.attention, heads)
                if block.mlp is not None:
                    self._think(hooks, layer, block.mlp, mlp)
            read_at(hooks, self._wiring, self._answers, self._unembedded)
            if self._now.columns is not None:
                hooks.skip(self._wiring.unembedding, self._now.columns)
            logits = run(self._wiring, baseline.ids.repeat(times, 1), repeated_cache(baseline.cache, times))
        self._trial.logits = logits.view(times, len(baseline.ids), *logits.shape[1:])

    def _reached(self, changed: set[int]) -> tuple[set[int], set[int]]:
        """The destinations and nodes that a change at some destinations reaches along kept edges."""
        kept, reads = self._kept, self._graph.reads
        columns, nodes, fresh = set(changed), set[int](), sorted(changed)
        while fresh:
            found = set(self._clean.with_peers(np.flatnonzero(reads[:, fresh].any(1)).tolist())) - nodes
            nodes |= found
            fresh = sorted(set(np.flatnonzero(kept[sorted(found)].any(0)).tolist()) - columns)
            columns |= set(fresh)
        return columns, nodes

    def _active(self, layer: int) -> tuple[list[int], bool]:
        """The heads of a layer that a change reaches, and whether one reaches its MLP."""
        graph = self._graph
        rows = range(graph.n_sources)[graph.head_sources(layer)]
        heads = [number for number, row in enumerate(rows) if row in self._nodes]
        return heads, graph.spec.has_mlp and graph.mlp_source(layer) in self._nodes

    def _attend(self, hooks: Hooks, layer: int, attention: Attention, heads: list[int]) -> None:
        graph = self._graph
        columns = (graph.q(layer), graph.k(layer), graph.v(layer))
        parts: dict[nn.Module, list[tuple[Projection, slice]]] = {}
        for projection, at in zip(attention.projections, columns, strict=True):
            parts.setdefault(projection.module, []).append((projection, at))
        for module, mine in parts.items():
            hooks.skip(module, partial(self._project, module, attention, mine))
        hooks.before(attention.out.module, partial(self._note_heads, layer, heads))
        self._clean.silence_attention(hooks, layer)

    def _project(
        self, module: nn.Module, attention: Attention, parts: list[tuple[Projection, slice]], *_: object, **__: object
    ) -> Tensor:
        """What a module of q, k or v returns: the present values, but for the heads that a change reaches."""
        now = self._now.projected[module]
        wanted = [(part, at, column) for part, at in parts for column in range(at.start, at.stop)]
        wanted = [(part, at, column) for part, at, column in wanted if column in self._columns]
        if not wanted:
            return now if self._times == 1 else now.repeat(self._times, 1, 1)
        output = now.repeat(self._times, 1, 1)
        for part, at, column in wanted:
            head = column - at.start
            normed = attention.norm(self._read(column).to(output.dtype))
            part.view.write(output, head, part.project(normed, head))
        self._trial.projected[module] = output
        return output

    def _note_heads(self, layer: int, heads: list[int], z: Tensor) -> None:
        out = self._wiring.blocks[layer].attention.out
        if not heads:
            return
        if layer == self._now.last:
            z = self._answers.read(z)
        before = self._now.z[layer]
        before = before if self._times == 1 else before.repeat(self._times, 1, 1)
        z = out.scaled(z)
        change = out.heads(z.to(self._clean.dtype) - before.to(self._clean.dtype))
        first = self._graph.head_sources(layer).start
        for head in heads:
            self._written[first + head] = change[:, :, head] @ out.head_weight(head, self._clean.dtype)
        self._trial.z[layer] = z

    def _think(self, hooks: Hooks, layer: int, mlp: Mlp, reached: bool) -> None:
        if not reached:
            self._clean.silence(hooks, layer)
            return
        shapes: list[torch.Size] = []
        hooks.before(mlp.module, partial(self._feed, layer, mlp, shapes))
        hooks.after(mlp.out, partial(self._note_mlp, layer, shapes))

    def _feed(self, layer: int, mlp: Mlp, shapes: list[torch.Size], normed: Tensor) -> Tensor:
        shapes[:] = [normed.shape]
        return mlp.norm(self._read(self._graph.mlp(layer)).to(normed.dtype))

    def _note_mlp(self, layer: int, shapes: list[torch.Size], out: Tensor) -> Tensor:
        before = self._now.mlps[layer]
        before = before if self._times == 1 else before.repeat(self._times, 1, 1)
        dtype = self._clean.dtype
        self._written[self._graph.mlp_source(layer)] = out.to(dtype) - before.to(dtype)
        self._trial.mlps[layer] = out
        return out.new_zeros(shapes[0])

    def _unembedded(self, _: Tensor) -> Tensor:
        return self._now.normed(self._read(self._graph.logits))

    def _read(self, column: int) -> Float[Tensor, "rows pos d_model"]:
        """What a destination reads once the changes before it have reached it."""
        if column in self._trial.reads:
            return self._trial.reads[column]
        read = self._now.reading(column).repeat(self._times, 1, 1)
        for source in self._changed_sources(column):
            change = self._written[source]
            if self._now.at_answers(column) and self._graph.writer(source)[0] < self._now.last:
                change = self._answers.read(change)
            read += self._now.at(change.to(read.device), column, self._now.kept[source, column])
        if self._removed is not None and self._gone is not None:
            for source in np.flatnonzero(self._gone[:, column]).tolist():
                read += self._now.change(source, column, self._removed[source, column])
        self._trial.reads[column] = read
        return read

    def _changed_sources(self, column: int) -> Iterable[int]:
        return sorted(self._nodes & set(np.flatnonzero(self._kept[:, column]).tolist()))
