"""What every source writes, captured small: all heads side by side, before the output projection.

A head's output is its slice of the output projection applied to its value-weighted sum; the projection's own bias
belongs to no source. So a run keeps ``[batch, pos, heads * d_head]`` a layer, and the ``d_model``-wide outputs of the
heads are made only for the positions and the micro-batch at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.hooks import Hooks
from edgewise.graph import Graph
from edgewise.models import Wiring
from edgewise.models.wiring import OutputProjection


@dataclass
class SourceOutputs:
    """The sources' outputs of one run, filled in by hooks as the run goes on.

    Attributes:
        embedding: what enters block 0, ``[batch, pos, d_model]``.
        heads: a layer each, the input of the output projection, ``[batch, pos, heads * d_head]``.
        mlps: a layer each, ``[batch, pos, d_model]``; empty for an attention-only model.
    """

    embedding: Tensor = field(default_factory=lambda: torch.empty(0))
    heads: list[Tensor] = field(default_factory=list)
    mlps: list[Tensor] = field(default_factory=list)

    def record(self, hooks: Hooks, wiring: Wiring) -> None:
        """Put hooks on the model that fill this object during its next run."""
        hooks.before(wiring.blocks[0].module, self._keep_embedding)
        for block in wiring.blocks:
            hooks.before(block.attention.out.module, lambda z: self.heads.append(z.detach()))
            if block.mlp is not None:
                hooks.after(block.mlp.module, lambda out: self.mlps.append(out.detach()))

    def _keep_embedding(self, stream: Tensor) -> None:
        self.embedding = stream.detach()


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Products are accumulated in float64 for float64 models, else in float32, never in half precision."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def head_outputs(
    out: OutputProjection, z: Float[Tensor, "batch pos width"], into: Float[Tensor, "heads batch pos d_model"]
) -> None:
    """Write each head's own part of the output projection, ``z_h W_O[h]``, into a given tensor."""
    batch, pos = z.shape[:2]
    per_head = out.heads(z).permute(2, 0, 1, 3).reshape(out.n_heads, batch * pos, -1)
    torch.bmm(per_head, out.weight().to(z.dtype), out=into.view(out.n_heads, batch * pos, -1))


def source_differences(
    wiring: Wiring, graph: Graph, clean: SourceOutputs, corrupted: SourceOutputs, span: slice
) -> Float[Tensor, "source batch pos d_model"]:
    """``o'_u - o_u`` of every source at the positions of a span, in the accumulation type."""
    dtype = accumulation_dtype(clean.embedding.dtype)

    def change(before: Tensor, after: Tensor) -> Tensor:
        return after[:, span].to(dtype) - before[:, span].to(dtype)

    first = change(clean.embedding, corrupted.embedding)
    differences = first.new_empty(graph.n_sources, *first.shape)
    differences[graph.input_source] = first
    for layer, block in enumerate(wiring.blocks):
        heads = change(clean.heads[layer], corrupted.heads[layer])
        head_outputs(block.attention.out, heads, differences[graph.head_sources(layer)])
        if block.mlp is not None:
            differences[graph.mlp_source(layer)] = change(clean.mlps[layer], corrupted.mlps[layer])
    return differences
