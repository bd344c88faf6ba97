"""Adding up edge scores as gradients arrive: over all positions, or over those of each place by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.narrow import Narrow, Reading
from edgewise.engine.gradients.products import edge_products, token_products
from edgewise.engine.gradients.run import DestinationGradient
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.places import TokenPlaces
from edgewise.engine.run.sources import SourceChanges
from edgewise.errors import ModelError
from edgewise.graph import Graph


class Tally:
    """The scores of one micro-batch, ``[batch, n_sources, n_destinations]``, and which destinations were reached.

    Where tokens have places, scores are ``[batch, n_sources, n_destinations, n_places]``: the place of a position where
    the source writes and the destination reads.

    Args:
        graph: the model's graph.
        changes: ``o'_u - o_u`` of every source.
        buffers: memory to hold gradients in that wait for others.
        places: of the tokens; None for sums over all positions.

    Attributes:
        scores: the sum so far, where logits are; whole once `settle` was called.
        factor: what is multiplied to the scores that are added, one a prompt, ``[batch, 1, 1]``.
        sources: the rows that `consume` adds to; None for all.
    """

    def __init__(
        self, graph: Graph, changes: SourceChanges, buffers: Buffers, places: TokenPlaces | None = None
    ) -> None:
        like, home = changes.parts[0].at_answers, changes.home
        if places is None:
            self.scores = like.new_zeros(like.shape[1], graph.n_sources, graph.n_destinations, device=home)
        else:
            # In the order of memory in which `TokenPlaces.sums` makes its own.
            shape = (like.shape[1], places.n, graph.n_destinations, graph.n_sources)
            self.scores = like.new_zeros(shape, device=home).permute(0, 3, 2, 1)
        self.factor = self.scores.new_ones(len(self.scores), 1, 1)
        self.sources: slice | None = None
        self._graph, self._changes, self._places = graph, changes, places
        self._narrow = Narrow(graph, len(self.scores), buffers)
        self._reached = torch.zeros(graph.n_destinations, dtype=torch.bool)

    def consume(self, at: DestinationGradient) -> None:
        """Add what a destination's gradient gives with the changes of the sources that precede it, now or later."""
        if not self._narrow.takes(at):
            self._multiply(at.gradient, [Reading(at.columns, at.n_sources)], at.rows, at.at_answers)
        elif self._narrow.hold(at):
            self.settle()

    def settle(self) -> None:
        """Add what was put off: to be called when a backward pass is over."""
        for gradients, readings in self._narrow.release():
            self._multiply(gradients, readings, slice(None), at_answers=False)

    def _multiply(self, gradients: Tensor, readings: Sequence[Reading], rows: slice, at_answers: bool) -> None:
        """Add the products of the sources' changes with the gradients of some destinations side by side."""
        wanted = slice(0, readings[0].n_sources)
        if self.sources is not None:
            wanted = slice(self.sources.start, min(self.sources.stop, wanted.stop))
        widths = [reading.width for reading in readings]
        for part in self._changes.parts:
            known = part.of(at_answers)
            first, last = max(wanted.start, part.first), min(wanted.stop, part.first + len(known))
            if first < last:
                mine = known[first - part.first : last - part.first, rows]
                products = self.products(mine, gradients.to(mine.device), rows, at_answers)
                for reading, some in zip(readings, products.split(widths, 2), strict=True):
                    self.add(rows, reading.columns, some[:, : max(0, reading.n_sources - first)], first)

    def products(
        self,
        differences: Float[Tensor, "source rows pos d_model"],
        gradients: Float[Tensor, "destination rows pos d_model"],
        rows: slice,
        at_answers: bool,
    ) -> Float[Tensor, "rows source destination *place"]:
        """The products of differences with gradients, summed as scores are.

        Args:
            differences: of some sources.
            gradients: at some destinations.
            rows: which prompts of the batch these are.
            at_answers: whether they cover the positions where logits are read, or else every position.
        """
        if self._places is None:
            return edge_products(differences, gradients)
        return self._places.sums(token_products(differences, gradients), rows, at_answers)

    def sums(
        self, by_token: Float[Tensor, "token source destination"], rows: slice, at_answers: bool
    ) -> Float[Tensor, "rows source destination *place"]:
        """Scores of single tokens, summed likewise."""
        if self._places is not None:
            return self._places.sums(by_token, rows, at_answers)
        n_rows = len(range(len(self.scores))[rows])
        return by_token.view(n_rows, -1, *by_token.shape[1:]).sum(1)

    def add(
        self, rows: slice, columns: slice, scores: Float[Tensor, "batch source destination *place"], first: int = 0
    ) -> None:
        """Add the scores of some prompts' edges from consecutive sources to some destinations."""
        self._reached[columns] = True
        factor = self.factor[rows].view(-1, *(1,) * (scores.ndim - 1))
        scaled = scores.to(self.scores.device).mul_(factor)
        self.scores[rows, first : first + scores.shape[1], columns] += scaled

    def require_all(self) -> None:
        """Refuse scores that lack a destination: the model is no longer the one that was wired."""
        missing = [self._graph.destinations[column] for column in (~self._reached).nonzero()[:, 0].tolist()]
        if missing:
            raise ModelError(
                f"no gradient reached {', '.join(missing[:4])}{' ...' if missing[4:] else ''}: modules of the model"
                " were replaced after it was loaded; call load_model on the module as it is now"
            )


def range_for(gradient: Tensor, dtype: torch.dtype) -> Float[Tensor, " batch"]:
    """A power of two for every prompt that brings its gradient into the range of half precision; else one."""
    if dtype not in (torch.float16, torch.bfloat16):
        return gradient.new_ones(len(gradient))
    largest = gradient.abs().amax((1, 2))
    return torch.where(largest > 0, torch.exp2(-torch.floor(torch.log2(largest))), torch.ones_like(largest))
