"""What every source's replacement differs by from what the source writes, noted as a patched run goes on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.answers import Answers
from edgewise.engine.replacement import Replacement
from edgewise.engine.sources import accumulation_dtype, head_outputs
from edgewise.graph import Graph
from edgewise.models.wiring import OutputProjection


class Changes:
    """``replacement_u - o_u`` of the sources so far, ``d_model`` wide, in the accumulation type.

    The last block's sources are noted where logits are read alone: nothing reads them elsewhere. Rows of the run are
    masks times prompts; replacements are the prompts'.

    Args:
        graph: the model's graph.
        answers: where logits are read, of all rows.
        replacement: what patched edges carry.
        n_masks: how many times the prompts are run.
    """

    def __init__(self, graph: Graph, answers: Answers, replacement: Replacement, n_masks: int) -> None:
        self.dtype = accumulation_dtype(replacement.embedding.dtype)
        self._graph, self._answers, self._replacement, self._n_masks = graph, answers, replacement, n_masks
        self._last = graph.spec.n_layers - 1
        # Until the last block, with gradients: one tensor a group of sources; else all in one.
        self._groups: list[Tensor] = []
        self._everywhere = torch.empty(0)
        self._at_answers: list[Tensor] = []

    def note_input(self, stream: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what enters block 0."""
        change = self._change(stream, self._replacement.embedding)[None]
        if not torch.is_grad_enabled():
            n_wide = self._graph.sources_before_attention(self._last)
            self._everywhere = change.new_empty(n_wide, *stream.shape)
            self._everywhere[:1] = change
        self._groups = [change]

    def note_heads(self, layer: int, out: OutputProjection, z: Float[Tensor, "rows pos width"]) -> None:
        """Note what a layer's heads write, from the input of the output projection."""
        change = self._change(z, self._replacement.heads[layer])
        if torch.is_grad_enabled():
            weight = out.weight().to(self.dtype)
            self._add(layer, torch.einsum("bpnh,nhd->nbpd", out.heads(change), weight))
        elif layer == self._last:
            into = change.new_empty(out.n_heads, *z.shape[:2], self._everywhere.shape[-1])
            head_outputs(out, change, into)
            self._add(layer, into)
        else:
            head_outputs(out, change, self._everywhere[self._graph.head_sources(layer)])

    def note_mlp(self, layer: int, out: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what a layer's MLP writes."""
        change = self._change(out, self._replacement.mlps[layer])[None]
        if torch.is_grad_enabled() or layer == self._last:
            self._add(layer, change)
        else:
            self._everywhere[self._graph.mlp_source(layer)] = change[0]

    def first(self, n_sources: int, at_answers: bool) -> Float[Tensor, "source rows pos d_model"]:
        """The changes of the first sources, at every position or where logits are read."""
        if not at_answers:
            return torch.cat(self._groups)[:n_sources] if torch.is_grad_enabled() else self._everywhere[:n_sources]
        wide = torch.cat(self._groups) if torch.is_grad_enabled() else self._everywhere
        rows = torch.arange(wide.shape[1], device=wide.device)[:, None]
        return torch.cat([wide[:, rows, self._answers.positions], *self._at_answers])[:n_sources]

    def _add(self, layer: int, changes: Tensor) -> None:
        (self._at_answers if layer == self._last else self._groups).append(changes)

    def _change(self, now: Tensor, replacement: Tensor) -> Tensor:
        by_mask = now.to(self.dtype).unflatten(0, (self._n_masks, -1))
        change: Tensor = (replacement.to(self.dtype) - by_mask).flatten(0, 1)
        return change
