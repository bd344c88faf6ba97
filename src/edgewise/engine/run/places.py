"""Which place of the prompt each token of a run belongs to, where scores and patches are kept apart by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edgewise.graph.arrays import BoolArray
from edgewise.tasks import PromptPair


@dataclass(frozen=True)
class TokenPlaces:
    """The places of a run's tokens.

    Args:
        n: number of places.
        everywhere: of the tokens that are run, ``[batch, pos]``; of padding that of the row's last token.
        at_answers: of the positions where logits are read, ``[batch, n_positions]``.
        readers: whether keys and values are kept apart by the place of the query that reads them too.
    """

    n: int
    everywhere: Int[Tensor, "batch pos"]
    at_answers: Int[Tensor, "batch n_positions"]
    readers: bool = False

    @classmethod
    def of(
        cls, pairs: Sequence[PromptPair], length: int, positions: Int[Tensor, "batch n_positions"]
    ) -> TokenPlaces | None:
        """Those of some prompts; None where their tokens have none.

        Args:
            pairs: the prompts.
            length: of the padded prompts.
            positions: where logits are read, counted from the first token of the prompts.
        """
        located = [pair.located for pair in pairs]
        if not located or located[0] is None:
            return None
        rows = [[*one.at[:length], *one.at[-1:] * (length - len(one.at))] for one in located if one is not None]
        every = torch.tensor(rows, dtype=torch.long, device=positions.device)
        return cls(len(located[0].names), every, every.gather(1, positions), located[0].readers)

    def behind(self, start: int) -> TokenPlaces:
        """Those of a run that begins so many tokens later."""
        return replace(self, everywhere=self.everywhere[:, start:])

    def sums(
        self, by_token: Float[Tensor, "token source destination"], rows: slice, at_answers: bool
    ) -> Float[Tensor, "rows source destination place"]:
        """What single tokens give, summed over the tokens of each place.

        Args:
            by_token: of the tokens of some prompts, prompt after prompt.
            rows: which prompts.
            at_answers: whether their tokens are those where logits are read.
        """
        here = (self.at_answers if at_answers else self.everywhere)[rows].to(by_token.device)
        first = self.n * torch.arange(len(here), device=here.device)[:, None]
        _, n_sources, n_destinations = by_token.shape
        summed = by_token.new_zeros(len(here) * self.n, n_destinations, n_sources)
        summed.index_add_(0, (here + first).flatten(), by_token.mT)
        by_place: Tensor = summed.unflatten(0, (len(here), self.n)).permute(0, 3, 2, 1)
        return by_place

    def mask(self, place: int, at_answers: bool = False) -> Bool[Tensor, "batch pos one"]:
        """Which tokens are at a place; of those where logits are read, or of all."""
        return ((self.at_answers if at_answers else self.everywhere) == place)[..., None]

    def among(self, chosen: BoolArray, at_answers: bool = False) -> Bool[Tensor, "batch pos one"]:
        """Which tokens are at any of some places, ``[n]``; likewise."""
        here = self.at_answers if at_answers else self.everywhere
        flags = torch.tensor(chosen, device=here.device)
        among: Tensor = flags[here][..., None]
        return among

    def repeated(self, times: int) -> TokenPlaces:
        """Those of a batch that is run so many times, copy after copy."""
        return replace(self, everywhere=self.everywhere.repeat(times, 1), at_answers=self.at_answers.repeat(times, 1))
