"""Masks by place: one mask for each place, and which of them each token of a run reads by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edgewise.engine.run.places import TokenPlaces


def by_group(masks: Tensor) -> Float[Tensor, "groups source destination"]:
    """Masks ``[masks, n_sources, n_destinations]`` as they are; those by place one after the other, mask by mask."""
    return masks if masks.ndim < 4 else masks.permute(0, 3, 1, 2).flatten(0, 1)


@dataclass(frozen=True)
class TokenGroups:
    """The number of the mask that each token reads by.

    Args:
        everywhere: ``[rows, pos]``, rows being masks times prompts.
        at_answers: where logits are read, ``[rows, n_positions]``.
    """

    everywhere: Int[Tensor, "rows pos"]
    at_answers: Int[Tensor, "rows n_positions"]

    @classmethod
    def of(cls, masks: Tensor, places: TokenPlaces | None) -> TokenGroups | None:
        """Those of masks by place; None for masks of all positions."""
        if masks.ndim < 4:
            return None
        if places is None or masks.shape[-1] != places.n:
            raise ValueError("masks by place need prompts with as many places")
        each = places.repeated(len(masks))
        first = places.n * torch.arange(len(masks), device=each.everywhere.device)
        first = first.repeat_interleave(len(places.everywhere))[:, None]
        return cls(each.everywhere + first, each.at_answers + first)

    def of_tokens(self, at_answers: bool) -> Int[Tensor, "rows pos"]:
        """Of the tokens where logits are read, or of all."""
        return self.at_answers if at_answers else self.everywhere
