"""A circuit that is changed from the output back: each change is carried on along kept edges alone.

While destinations are visited from ``logits`` back, every source in front of the one at hand still writes what it wrote
in the clean run, and every destination behind it reads the little that is kept. So the run of the present circuit is
kept whole, and to remove edges into v means:

    in_v' = in_v + sum over the removed u of (replacement_u - o_u)

then new values of v's node alone, then ``in_w' = in_w + (o_v' - o_v)`` for each w that reads v along a kept edge, and
so on to the logits. Heads and MLPs that no change reaches are not run. Attention itself is the model's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from edgewise.engine.clean import CleanRun
from edgewise.engine.forward import read_at, repeated_cache, run
from edgewise.engine.hooks import Hooks, borrowed
from edgewise.engine.replacement import Baseline
from edgewise.graph import Graph
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model
from edgewise.models.wiring import Attention, Mlp, Projection


@dataclass
class Trial:
    """What removing some edges would give, several variants side by side.

    Attributes:
        column: the destination.
        variants: which sources each variant removes.
        logits: of each, ``[variants, batch, n_positions, vocab]``.
        reads: by destination, what it would read, ``[variants * batch, pos or n_positions, d_model]``.
        projected: by module of q, k and v, what it would return.
        z: by layer, the input of the output projection (the last layer's where logits are read).
        mlps: by layer, what the MLP would write.
    """

    column: int
    variants: Sequence[Sequence[int]]
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    reads: dict[int, Tensor] = field(default_factory=dict)
    projected: dict[nn.Module, Tensor] = field(default_factory=dict)
    z: dict[int, Tensor] = field(default_factory=dict)
    mlps: dict[int, Tensor] = field(default_factory=dict)


class RunningCircuit:
    """A circuit with the values of its run; at first the whole model.

    Args:
        model: the model; untouched between calls.
        baseline: the prompts, and what patched edges carry.

    Attributes:
        kept: the edges kept, ``[n_sources, n_destinations]``.
        logits: of the present circuit, ``[batch, n_positions, vocab]``.
    """

    def __init__(self, model: Model, baseline: Baseline) -> None:
        """Run the prompts clean."""
        self._model, self._graph, self._wiring, self._baseline = model, model.graph, model.wiring, baseline
        self._clean = CleanRun(model, baseline)
        self._last = self._graph.spec.n_layers - 1
        self.kept: BoolArray = self._graph.mask.copy()
        self.logits = self._clean.logits
        self._reads: dict[int, Tensor] = {}
        self._projected = dict(self._clean.projected)
        self._z = list(self._clean.outputs.heads)
        self._mlps = list(self._clean.outputs.mlps)
        # The destination of the last trial, the sources that all its variants removed, and what was read then.
        self._summed: tuple[int, tuple[int, ...], Tensor] | None = None

    @torch.no_grad()
    def trial(self, column: int, removed: Sequence[int], more: Sequence[int] = ()) -> Trial:
        """What the present circuit would give without some edges into a destination.

        The destination's sources must still be as in the clean run: no destination in front of it has lost an edge.

        Args:
            column: the destination.
            removed: sources whose edges every variant removes; their edges are kept now.
            more: sources that are removed one after the other: variant i removes the first i + 1 of them too. Without
                any, there is one variant.
        """
        read = self._without(column, removed)
        variants, reads = [tuple(removed)], [read]
        for source in more:
            read = read + self._clean.change(source, self._at_answers(column))
            variants.append((*variants[-1], source))
            reads.append(read)
        if more:
            variants, reads = variants[1:], reads[1:]
        trial = Trial(column, variants, reads={column: torch.cat(reads)})
        _Propagation(self, trial).run()
        return trial

    def accept(self, trial: Trial, variant: int = 0) -> None:
        """Make one variant of a trial the present circuit."""
        self._summed = None
        rows = len(self._baseline.ids)
        mine = slice(variant * rows, (variant + 1) * rows)
        self.kept[list(trial.variants[variant]), trial.column] = False
        self.logits = trial.logits[variant]
        self._reads.update({column: read[mine] for column, read in trial.reads.items()})
        self._projected.update({module: output[mine] for module, output in trial.projected.items()})
        for layer, z in trial.z.items():
            self._z[layer] = z[mine]
        for layer, out in trial.mlps.items():
            self._mlps[layer] = out[mine]

    def drop(self, column: int) -> None:
        """Remove all edges into a destination whose node nobody reads: nothing changes but the circuit."""
        self.kept[:, column] = False
        self._reads.pop(column, None)

    def is_read(self, column: int) -> bool:
        """Whether any kept edge leads on from the node that a destination belongs to."""
        nodes = np.flatnonzero(self._graph.reads[:, column])
        return column == self._graph.logits or bool(self.kept[nodes].any())

    def _without(self, column: int, removed: Sequence[int]) -> Tensor:
        """What a destination reads without some sources; always summed in their order, so always the same bits."""
        known, read = 0, self._reading(column)
        if self._summed is not None:
            at, sources, summed = self._summed
            if at == column and tuple(removed[: len(sources)]) == sources:
                known, read = len(sources), summed
        for source in removed[known:]:
            read = read + self._clean.change(source, self._at_answers(column))
        self._summed = (column, tuple(removed), read)
        return read

    def _reading(self, column: int) -> Float[Tensor, "batch pos d_model"]:
        """What a destination reads now, in the accumulation type; ``logits`` and the last MLP where logits are read."""
        if column in self._reads:
            return self._reads[column]
        graph, clean = self._graph, self._clean
        if column == graph.logits:
            stream = clean.before_logits
        else:
            layer, is_mlp = _place(graph, column)
            stream = clean.before_mlp[layer] if is_mlp else clean.entered[layer]
        stream = stream.to(clean.dtype)
        return clean.answers.read(stream) if self._at_answers(column) else stream

    def _at_answers(self, column: int) -> bool:
        graph = self._graph
        return column == graph.logits or (graph.spec.has_mlp and column == graph.mlp(self._last))


class _Propagation:
    """One run that carries the changes of a trial on to the logits."""

    def __init__(self, circuit: RunningCircuit, trial: Trial) -> None:
        self._circuit, self._trial = circuit, trial
        self._graph, self._clean, self._wiring = circuit._graph, circuit._clean, circuit._wiring
        self._times = len(trial.variants)
        self._written: dict[int, Tensor] = {}
        self._columns, self._nodes = self._reached(trial.column)

    def run(self) -> None:
        """Fill the trial."""
        circuit, graph, times = self._circuit, self._graph, self._times
        baseline = circuit._baseline
        if graph.logits not in self._columns:
            self._trial.logits = circuit.logits.expand(times, *circuit.logits.shape)
            # The node's own values are not needed by anyone until an edge leads on from it, which none does.
            return
        with borrowed(circuit._model.module) as hooks:
            for layer, block in enumerate(self._wiring.blocks):
                heads, mlp = self._active(layer)
                if not heads and not mlp:
                    self._clean.pass_through(hooks, layer)
                    continue
                self._attend(hooks, layer, block.attention, heads)
                if block.mlp is not None:
                    self._think(hooks, layer, block.mlp, mlp)
            read_at(hooks, self._wiring, baseline.answers.repeated(times), self._unembedded)
            logits = run(self._wiring, baseline.ids.repeat(times, 1), repeated_cache(baseline.cache, times))
        self._trial.logits = logits.view(times, len(baseline.ids), *logits.shape[1:])

    def _reached(self, column: int) -> tuple[set[int], set[int]]:
        """The destinations and nodes that a change at one destination reaches along kept edges."""
        kept, reads = self._circuit.kept, self._graph.reads
        columns, nodes, fresh = {column}, set[int](), [column]
        while fresh:
            found = set(np.flatnonzero(reads[:, fresh].any(1)).tolist()) - nodes
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
        width = graph.spec.d_model
        hooks.skip(attention.out.module, lambda z: z.new_zeros(1).expand(*z.shape[:2], width))

    def _project(
        self, module: nn.Module, attention: Attention, parts: list[tuple[Projection, slice]], *_: object, **__: object
    ) -> Tensor:
        """What a module of q, k or v returns: the present values, but for the heads that a change reaches."""
        now = self._circuit._projected[module]
        wanted = [(part, at, column) for part, at in parts for column in range(at.start, at.stop)]
        wanted = [(part, at, column) for part, at, column in wanted if column in self._columns]
        if not wanted:
            return now if self._times == 1 else now.repeat(self._times, 1, 1)
        output = now.repeat(self._times, 1, 1)
        for part, at, column in wanted:
            head = column - at.start
            normed = attention.norm(self._read(column).to(output.dtype))
            values, bias = normed @ part.weight()[:, head], part.bias()
            part.view.write(output, head, values if bias is None else values + bias[head])
        self._trial.projected[module] = output
        return output

    def _note_heads(self, layer: int, heads: list[int], z: Tensor) -> None:
        circuit, out = self._circuit, self._wiring.blocks[layer].attention.out
        if not heads:
            return
        if layer == circuit._last:
            z = circuit._baseline.answers.repeated(self._times).read(z)
        before = circuit._z[layer]
        before = before if self._times == 1 else before.repeat(self._times, 1, 1)
        change = out.heads(z.to(self._clean.dtype) - before.to(self._clean.dtype))
        first = self._graph.head_sources(layer).start
        for head in heads:
            self._written[first + head] = change[:, :, head] @ out.weight()[head].to(self._clean.dtype)
        self._trial.z[layer] = z

    def _think(self, hooks: Hooks, layer: int, mlp: Mlp, reached: bool) -> None:
        if not reached:
            self._clean.silence(hooks, layer)
            return
        shapes: list[torch.Size] = []

        def feed(normed: Tensor) -> Tensor:
            shapes[:] = [normed.shape]
            return mlp.norm(self._read(self._graph.mlp(layer)).to(normed.dtype))

        def note(out: Tensor) -> Tensor:
            before = self._circuit._mlps[layer]
            before = before if self._times == 1 else before.repeat(self._times, 1, 1)
            self._written[self._graph.mlp_source(layer)] = out.to(self._clean.dtype) - before.to(self._clean.dtype)
            self._trial.mlps[layer] = out
            return out.new_zeros(shapes[0])

        hooks.before(mlp.module, feed)
        hooks.after(mlp.out, note)

    def _unembedded(self, seen: Tensor) -> Tensor:
        return self._wiring.final_norm(self._read(self._graph.logits).to(seen.dtype))

    def _read(self, column: int) -> Float[Tensor, "rows pos d_model"]:
        """What a destination reads once the changes before it have reached it."""
        if column in self._trial.reads:
            return self._trial.reads[column]
        circuit = self._circuit
        now = circuit._reading(column)
        read = now.repeat(self._times, 1, 1)
        for source in self._changed_sources(column):
            change = self._written[source]
            if circuit._at_answers(column) and self._clean.layer_of(source) < circuit._last:
                change = circuit._baseline.answers.repeated(self._times).read(change)
            read += change
        self._trial.reads[column] = read
        return read

    def _changed_sources(self, column: int) -> Iterable[int]:
        return sorted(self._nodes & set(np.flatnonzero(self._circuit.kept[:, column]).tolist()))


def _place(graph: Graph, column: int) -> tuple[int, bool]:
    """The layer of a destination in front of the logits, and whether it is the layer's MLP."""
    spec = graph.spec
    layer, at = divmod(column, spec.n_heads + 2 * spec.kv_heads + spec.has_mlp)
    return layer, at == spec.n_heads + 2 * spec.kv_heads
