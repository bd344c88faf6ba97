"""Patched runs whose logits have gradients with respect to the masks: everything is made anew, nothing in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edgewise.engine.gradients.heads import rows_at_once
from edgewise.engine.patching.groups import TokenGroups
from edgewise.engine.patching.read_plan import Given, Reading
from edgewise.engine.patching.streams import Read
from edgewise.engine.run.answers import Answers
from edgewise.engine.run.places import TokenPlaces
from edgewise.engine.run.replacement import Replacement
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.graph import Graph
from edgewise.models.wiring import OutputProjection


class TracedMixture:
    """What `mixture.Mixture` is, under autograd.

    Args:
        graph: the model's graph.
        answers: where logits are read, of all rows.
        masks: which edges are patched, or by what share.
        replacement: what patched edges carry.
        places: of the prompts' tokens, for masks by place.
    """

    def __init__(
        self,
        graph: Graph,
        answers: Answers,
        masks: Float[Tensor, "masks source destination *place"],
        replacement: Replacement,
        places: TokenPlaces | None = None,
    ) -> None:
        self.graph, self._answers, self._replacement = graph, answers, replacement
        self._places = TokenGroups.of(masks[:1], places)
        self._dtype = accumulation_dtype(replacement.embedding.dtype)
        self._masks = masks.to(self._dtype)
        self._last = graph.spec.n_layers - 1
        self._groups: list[Tensor] = []
        self._at_answers: list[Tensor] = []

    def plan(
        self, modules: Sequence[slice], n_sources: int, device: torch.device | None, *, at_answers: bool = False
    ) -> Reading:
        """Every column of a place, patched or not: an entry that is zero has a gradient too."""
        columns = torch.cat([torch.arange(at.start, at.stop, device=device) for at in modules])
        weights = torch.cat([self._masks[:, :n_sources, at] for at in modules], 2).transpose(1, 2).to(device)
        given = Given(patched=True, replaced=(False,) * len(weights), instead=False)
        return Reading(columns, n_sources, at_answers, weights, dense=True, given=(given,) * len(modules))

    def note_input(self, stream: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what enters block 0."""
        self._groups.append(self._change(stream, self._replacement.embedding)[None])

    def note_heads(self, layer: int, out: OutputProjection, z: Float[Tensor, "rows pos width"]) -> None:
        """Note what a layer's heads write, from what they write in front of their slices."""
        change = self._change(z, self._replacement.heads[layer])
        wide = torch.einsum("bpnh,nhd->nbpd", out.heads(change), out.weight(self._dtype))
        self._groups_of(layer).append(wide)

    def note_mlp(self, layer: int, out: Float[Tensor, "rows pos d_model"]) -> None:
        """Note what a layer's MLP writes."""
        self._groups_of(layer).append(self._change(out, self._replacement.mlps[layer])[None])

    def replaced(self, reading: Reading, stream: Float[Tensor, "rows pos d_model"]) -> Tensor:
        """No module is given the replaced stream here: its columns are all made."""
        raise NotImplementedError

    def choose(self, reading: Reading, wanted: Sequence[bool], replaced: Tensor, normed: Tensor) -> Tensor:
        """Likewise."""
        raise NotImplementedError

    def reads(self, reading: Reading, stream: Float[Tensor, "rows pos d_model"]) -> Iterator[Read]:
        """Every column of a place, mask by mask and a few prompts at a time."""
        self._groups = [group.to(stream.device) for group in self._groups]
        changes = torch.cat(self._groups)
        if reading.at_answers:
            at_answers = [group.to(stream.device) for group in self._at_answers]
            changes = torch.cat([self._answers.read_each(changes), *at_answers])
            stream = self._answers.read(stream)
        changes, per_mask = changes[: reading.n_sources], len(stream) // len(self._masks)
        at_once = rows_at_once(stream)
        for number, weights in enumerate(reading.weights):
            stop = (number + 1) * per_mask
            for first in range(number * per_mask, stop, at_once):
                rows = slice(first, min(first + at_once, stop))
                some = changes[:, rows]
                if self._places is None:
                    mixed = (weights @ some.flatten(1)).view(len(weights), *some.shape[1:])
                else:
                    prompts = slice(rows.start - number * per_mask, rows.stop - number * per_mask)
                    mixed = _by_place(weights, some, self._places.of_tokens(reading.at_answers)[prompts])
                yield Read(rows, reading.columns, mixed + stream[rows].to(mixed.dtype))

    def _groups_of(self, layer: int) -> list[Tensor]:
        return self._at_answers if layer == self._last else self._groups

    def _change(self, now: Tensor, replacement: Tensor) -> Tensor:
        by_mask = now.to(self._dtype).unflatten(0, (len(self._masks), -1))
        change: Tensor = (replacement.to(self._dtype) - by_mask).flatten(0, 1)
        return change


def _by_place(
    weights: Float[Tensor, "n source place"],
    changes: Float[Tensor, "source rows read d_model"],
    places: Int[Tensor, "rows read"],
) -> Float[Tensor, "n rows read d_model"]:
    """The changes, each token's by the weights of its place."""
    each = weights.permute(2, 0, 1)[places.flatten().to(weights.device)]
    mixed: Tensor = each @ changes.flatten(1, 2).transpose(0, 1)
    return mixed.transpose(0, 1).reshape(-1, *changes.shape[1:])
