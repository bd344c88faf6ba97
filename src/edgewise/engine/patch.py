"""Running the model with any set of edges patched.

The stream of a patched run carries what the sources write in that run; each destination reads it with its own patches:
``in_v = stream + sum over u of mask[u, v] * (o'_u - o_u)``, with ``o_u`` the output of u in the patched run itself.
So the effect of patches upstream is felt downstream, and an edge patched with what it carries anyway changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edgewise.engine.answers import Answers
from edgewise.engine.forward import read_at, run
from edgewise.engine.hooks import Hooks, borrowed
from edgewise.engine.sources import SourceOutputs, accumulation_dtype, head_outputs
from edgewise.graph import Graph
from edgewise.models import Model, Wiring
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Mlp, Projection


@torch.no_grad()
def patched_logits(
    model: Model,
    ids: Int[Tensor, "batch pos"],
    answers: Answers,
    mask: Float[Tensor, "source destination"],
    replacements: Float[Tensor, "source batch pos d_model"],
) -> Float[Tensor, "batch n_positions vocab"]:
    """Logits of a run in which destinations read replaced values along some edges.

    Args:
        model: the model; untouched afterwards.
        ids: token ids of the run.
        answers: where logits are read.
        mask: 1 where an edge is patched, 0 where it is not; between (and beyond) them, that share of the change.
        replacements: what each source's patched edges carry instead.
    """
    with borrowed(model.module) as hooks:
        _PatchedRun(hooks, model.wiring, model.graph, answers, mask, replacements)
        return run(model.wiring, ids)


@torch.no_grad()
def recorded_outputs(model: Model, ids: Int[Tensor, "batch pos"]) -> Float[Tensor, "source batch pos d_model"]:
    """Every source's output in a plain run, in the accumulation type."""
    with borrowed(model.module) as hooks:
        outputs = SourceOutputs()
        outputs.record(hooks, model.wiring)
        run(model.wiring, ids)
    embedding = outputs.embedding.to(accumulation_dtype(outputs.embedding.dtype))
    stacked = embedding.new_empty(model.graph.n_sources, *embedding.shape)
    stacked[model.graph.input_source] = embedding
    for layer, block in enumerate(model.wiring.blocks):
        z = outputs.heads[layer].to(embedding.dtype)
        head_outputs(block.attention.out, z, stacked[model.graph.head_sources(layer)])
        if block.mlp is not None:
            stacked[model.graph.mlp_source(layer)] = outputs.mlps[layer].to(embedding.dtype)
    return stacked


class _PatchedRun:
    """The hooks of one patched run: sources note their change, destinations read with their patches."""

    def __init__(
        self,
        hooks: Hooks,
        wiring: Wiring,
        graph: Graph,
        answers: Answers,
        mask: Tensor,
        replacements: Tensor,
    ) -> None:
        self._graph, self._mask = graph, mask.to(replacements)
        self._changes = replacements.clone()
        self._replacements = replacements
        hooks.before(
            wiring.blocks[0].module,
            lambda stream: self._note(slice(0, 1), stream.to(replacements.dtype)[None]),
        )
        for layer, block in enumerate(wiring.blocks):
            self._patch_attention(hooks, layer, block.attention)
            if block.mlp is not None:
                self._patch_mlp(hooks, layer, block.mlp)
        self._patch_logits(hooks, wiring, answers)

    def _note(self, rows: slice, outputs: Tensor) -> None:
        torch.sub(self._replacements[rows], outputs, out=self._changes[rows])

    def _read(self, columns: slice, n_sources: int, stream: Tensor) -> Tensor | None:
        """The stream as some destinations read it, ``[destination, batch, pos, d_model]``; None if unpatched."""
        weights = self._mask[:n_sources, columns]
        if not weights.any():
            return None
        shift = torch.einsum("sn,sbpd->nbpd", weights, self._changes[:n_sources])
        return stream.to(shift.dtype) + shift

    def _patch_attention(self, hooks: Hooks, layer: int, attention: Attention) -> None:
        stream = _latest(hooks, attention.norm)
        n_sources = self._graph.sources_before_attention(layer)
        columns = (self._graph.q(layer), self._graph.k(layer), self._graph.v(layer))
        for projection, at in zip(attention.projections, columns, strict=True):

            def patch(output: Tensor, projection: Projection = projection, at: slice = at) -> Tensor | None:
                read = self._read(at, n_sources, stream())
                if read is None:
                    return None
                normed = attention.norm(read.to(output.dtype))
                heads = torch.einsum("nbpd,dnh->bpnh", normed, projection.weight())
                bias = projection.bias()
                changed = output.clone()
                projection.view(changed).copy_(heads if bias is None else heads + bias)
                return changed

            hooks.after(projection.module, patch)
        heads = self._graph.head_sources(layer)

        def note(z: Tensor) -> None:
            outputs = torch.empty_like(self._changes[heads])
            head_outputs(attention.out, z.to(outputs.dtype), outputs)
            self._note(heads, outputs)

        hooks.before(attention.out.module, note)

    def _patch_mlp(self, hooks: Hooks, layer: int, mlp: Mlp) -> None:
        stream = _latest(hooks, mlp.norm)
        column, row = self._graph.mlp(layer), self._graph.mlp_source(layer)

        def patch(normed: Tensor) -> Tensor | None:
            read = self._read(slice(column, column + 1), self._graph.sources_before_mlp(layer), stream())
            return None if read is None else mlp.norm(read[0].to(normed.dtype))

        hooks.before(mlp.module, patch)
        hooks.after(mlp.module, lambda out: self._note(slice(row, row + 1), out.to(self._changes.dtype)[None]))

    def _patch_logits(self, hooks: Hooks, wiring: Wiring, answers: Answers) -> None:
        stream, column = _latest(hooks, wiring.final_norm), self._graph.logits

        def patch(normed: Tensor) -> Tensor:
            read = self._read(slice(column, column + 1), self._graph.n_sources, stream())
            return normed if read is None else wiring.final_norm(answers.read(read[0]).to(normed.dtype))

        read_at(hooks, wiring, answers, patch)


def _latest(hooks: Hooks, norm: Norm) -> Callable[[], Tensor]:
    """The stream that a norm was last given."""
    seen: list[Tensor] = []

    def keep(stream: Tensor) -> None:
        seen[:] = [stream]

    hooks.before(norm.module, keep)
    return lambda: seen[0]
