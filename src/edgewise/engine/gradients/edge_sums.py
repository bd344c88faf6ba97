"""Adding up edge scores as gradients arrive."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.engine.gradients.products import edge_products
from edgewise.engine.gradients.run import DestinationGradient
from edgewise.engine.run.sources import SourceChanges
from edgewise.errors import ModelError
from edgewise.graph import Graph


class Tally:
    """The scores of one micro-batch, ``[batch, n_sources, n_destinations]``, and which destinations were reached.

    Args:
        graph: the model's graph.
        changes: ``o'_u - o_u`` of every source.

    Attributes:
        scores: the sum so far, where logits are.
        factor: what is multiplied to the scores that are added, one a prompt, ``[batch, 1, 1]``.
        sources: the rows that `consume` adds to; None for all.
    """

    def __init__(self, graph: Graph, changes: SourceChanges) -> None:
        like = changes.parts[0].at_answers
        self.scores = like.new_zeros(like.shape[1], graph.n_sources, graph.n_destinations, device=changes.home)
        self.factor = self.scores.new_ones(len(self.scores), 1, 1)
        self.sources: slice | None = None
        self._graph, self._changes = graph, changes
        self._reached = torch.zeros(graph.n_destinations, dtype=torch.bool)

    def consume(self, at: DestinationGradient) -> None:
        """Add what a destination's gradient gives with the changes of the sources that precede it."""
        wanted = slice(0, at.n_sources)
        if self.sources is not None:
            wanted = slice(self.sources.start, min(self.sources.stop, at.n_sources))
        for part in self._changes.parts:
            known = part.of(at.at_answers)
            first, last = max(wanted.start, part.first), min(wanted.stop, part.first + len(known))
            if first < last:
                mine = known[first - part.first : last - part.first, at.rows]
                self.add(at.rows, at.columns, edge_products(mine, at.gradient.to(mine.device)), first)

    def add(
        self, rows: slice, columns: slice, scores: Float[Tensor, "batch source destination"], first: int = 0
    ) -> None:
        """Add the scores of some prompts' edges from consecutive sources to some destinations."""
        self._reached[columns] = True
        scaled = scores.to(self.scores.device).mul_(self.factor[rows])
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
