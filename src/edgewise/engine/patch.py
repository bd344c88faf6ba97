"""Running the model with any set of edges patched, many sets at once.

The stream of a patched run carries what the sources write in that run; each destination reads it with its own patches:

    in_v = stream + sum over u of mask[u, v] (replacement_u - o_u)

with ``o_u`` the output of u in the patched run itself. So the effect of patches upstream is felt downstream, and an
edge patched with what it carries anyway changes nothing. The mask is 1 where an edge is patched and 0 where it is not;
between, that share of the change. A destination without a patch is left to the model, to the bit.

1. Rows are masks times prompts, mask after mask.
2. As each source writes, its change ``replacement_u - o_u`` is noted, ``d_model`` wide.
3. As a layer is about to read, all its patched destinations are made as one product of mask and changes, a few prompts
   at a time, normed, and projected by each head's own slice. Heads without a patch keep what the module gave them.
4. The last block and the logits are read where logits are wanted, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import DynamicCache

from edgewise.engine.answers import Answers
from edgewise.engine.changes import Changes
from edgewise.engine.forward import read_at, run
from edgewise.engine.heads import rows_at_once
from edgewise.engine.hooks import Hooks, borrowed
from edgewise.engine.replacement import Baseline, Replacement
from edgewise.graph import Graph
from edgewise.models import Model, Wiring
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Block, Mlp, Projection

Mask = Bool[Tensor, "masks source destination"] | Float[Tensor, "masks source destination"]


def patched_logits(model: Model, baseline: Baseline, masks: Mask) -> Float[Tensor, "masks batch n_positions vocab"]:
    """Logits of runs in which destinations read replaced values along some edges.

    With gradients enabled and masks that require them, the result has a gradient for every entry of the masks.

    Args:
        model: the model; untouched afterwards.
        baseline: the prompts and what patched edges carry.
        masks: ``[masks, n_sources, n_destinations]``: which edges are patched, or by what share.
    """
    n_masks, n_rows = len(masks), len(baseline.ids)
    answers = baseline.answers.repeated(n_masks)
    with torch.set_grad_enabled(torch.is_grad_enabled() and masks.requires_grad), borrowed(model.module) as hooks:
        _PatchedRun(hooks, model.wiring, model.graph, answers, masks, baseline.replacement)
        logits = run(model.wiring, baseline.ids.repeat(n_masks, 1), _repeated(baseline.cache, n_masks))
    return logits.view(n_masks, n_rows, *logits.shape[1:])


def _repeated(cache: DynamicCache | None, times: int) -> DynamicCache | None:
    """A copy of a cache for every mask; runs add their own keys and values to theirs."""
    if cache is None:
        return None
    copy = DynamicCache()
    for layer, (keys, values) in enumerate((layer.keys, layer.values) for layer in cache.layers):
        copy.update(keys.repeat(times, 1, 1, 1), values.repeat(times, 1, 1, 1), layer)
    return copy


@dataclass(frozen=True)
class _Read:
    """Some destinations as some rows read them.

    Args:
        rows: of the batch.
        columns: which of the destinations asked for.
        stream: ``[columns, rows, pos, d_model]``.
    """

    rows: slice
    columns: Tensor
    stream: Tensor


class _PatchedRun:
    """The hooks of one patched run: sources note their change, destinations read with their patches."""

    def __init__(
        self,
        hooks: Hooks,
        wiring: Wiring,
        graph: Graph,
        answers: Answers,
        masks: Tensor,
        replacement: Replacement,
    ) -> None:
        self._graph, self._answers = graph, answers
        self._patched = masks != 0
        self._changes = Changes(graph, answers, replacement, len(masks))
        self._masks = masks.to(self._changes.dtype)
        hooks.before(wiring.blocks[0].module, self._changes.note_input)
        for layer, block in enumerate(wiring.blocks[:-1]):
            self._patch_block(hooks, layer, block, is_last=False)
        last = wiring.blocks[-1]
        with answers.last_block(hooks, wiring):
            self._patch_block(hooks, len(wiring.blocks) - 1, last, is_last=True)
        self._patch_logits(hooks, wiring)

    def _patch_block(self, hooks: Hooks, layer: int, block: Block, is_last: bool) -> None:
        attention, mlp = block.attention, block.mlp
        self._patch_attention(hooks, layer, attention)
        hooks.before(attention.out.module, lambda z: self._changes.note_heads(layer, attention.out, z))
        if mlp is not None:
            self._patch_mlp(hooks, layer, mlp, is_last)
            hooks.after(mlp.out, lambda out: self._changes.note_mlp(layer, out))

    def _patch_attention(self, hooks: Hooks, layer: int, attention: Attention) -> None:
        stream = _Latest(hooks, attention.norm)
        n_sources = self._graph.sources_before_attention(layer)
        columns = (self._graph.q(layer), self._graph.k(layer), self._graph.v(layer))
        groups: dict[nn.Module, list[tuple[Projection, slice]]] = {}
        for projection, at in zip(attention.projections, columns, strict=True):
            groups.setdefault(projection.module, []).append((projection, at))
        for module, parts in groups.items():
            at = slice(parts[0][1].start, parts[-1][1].stop)

            def patch(output: Tensor, parts: list[tuple[Projection, slice]] = parts, at: slice = at) -> Tensor | None:
                changed: Tensor | None = None
                for read in self._reads(at, n_sources, stream.get()):
                    changed = output.clone() if changed is None else changed
                    normed = attention.norm(read.stream.to(output.dtype))
                    _write_heads(changed[read.rows], parts, at.start + read.columns, normed)
                return changed

            hooks.after(module, patch)

    def _patch_mlp(self, hooks: Hooks, layer: int, mlp: Mlp, at_answers: bool) -> None:
        stream, column = _Latest(hooks, mlp.norm), self._graph.mlp(layer)
        n_sources = self._graph.sources_before_mlp(layer)

        def patch(normed: Tensor) -> Tensor:
            return self._replace(normed, mlp.norm, column, n_sources, stream.get(), at_answers)

        hooks.before(mlp.module, patch)

    def _patch_logits(self, hooks: Hooks, wiring: Wiring) -> None:
        stream, norm = _Latest(hooks, wiring.final_norm), wiring.final_norm
        column, n_sources = self._graph.logits, self._graph.n_sources

        def patch(normed: Tensor) -> Tensor:
            return self._replace(normed, norm, column, n_sources, stream.get(), True)

        read_at(hooks, wiring, self._answers, patch)

    def _replace(
        self, normed: Tensor, norm: Norm, column: int, n_sources: int, stream: Tensor, at_answers: bool
    ) -> Tensor:
        """The normed stream as one destination reads it."""
        changed = normed
        for read in self._reads(slice(column, column + 1), n_sources, stream, at_answers):
            changed = normed.clone() if changed is normed else changed
            changed[read.rows] = norm(read.stream[0].to(normed.dtype))
        return changed

    def _reads(self, columns: slice, n_sources: int, stream: Tensor, at_answers: bool = False) -> Iterator[_Read]:
        """Every patched one of some destinations, mask by mask and a few prompts at a time."""
        patched = self._patched[:, :n_sources, columns]
        if not patched.any():
            return
        changes = self._changes.first(n_sources, at_answers)
        stream = self._answers.read(stream) if at_answers else stream
        n_masks = len(patched)
        per_mask = len(stream) // n_masks
        at_once = rows_at_once(stream)
        for number in range(n_masks):
            wanted, sources = (patched[number].any(axis).nonzero()[:, 0] for axis in (0, 1))
            if not len(wanted):
                continue
            mask = self._masks[number, :n_sources, columns][:, wanted].T
            few = 2 * len(sources) < n_sources
            mask = mask[:, sources] if few else mask
            for first in range(number * per_mask, (number + 1) * per_mask, at_once):
                rows = slice(first, min(first + at_once, (number + 1) * per_mask))
                some = changes[sources, rows] if few else changes[:, rows]
                read = (mask @ some.flatten(1)).view(len(wanted), *some.shape[1:])
                yield _Read(rows, wanted, read + stream[rows].to(read.dtype))


def _write_heads(output: Tensor, parts: Sequence[tuple[Projection, slice]], columns: Tensor, normed: Tensor) -> None:
    """Write q, k and v of some heads, made of what each reads, into the output of the module that fuses them.

    Args:
        output: ``[rows, pos, width]``, changed in place.
        parts: the module's projections with their columns.
        columns: the columns that ``normed`` is of, ``[n]``.
        normed: ``[n, rows, pos, d_model]``.
    """
    for projection, at in parts:
        mine = (columns >= at.start) & (columns < at.stop)
        heads = columns[mine] - at.start
        if not len(heads):
            continue
        read = normed if len(heads) == len(columns) else normed[mine]
        weight = projection.weight().permute(1, 0, 2)
        weight = weight if len(heads) == len(weight) else weight[heads]
        values = torch.bmm(read.flatten(1, 2), weight).unflatten(1, read.shape[1:3])
        bias = projection.bias()
        values = values if bias is None else values + bias[heads][:, None, None]
        projection.view.write(output, heads, values.permute(1, 2, 0, 3))


class _Latest:
    """The stream that a norm was last given."""

    def __init__(self, hooks: Hooks, norm: Norm) -> None:
        self._seen: list[Tensor] = []
        hooks.before(norm.module, self._keep)

    def get(self) -> Tensor:
        """The stream, ``[rows, pos, d_model]``."""
        return self._seen[0]

    def _keep(self, stream: Tensor) -> None:
        self._seen[:] = [stream]
