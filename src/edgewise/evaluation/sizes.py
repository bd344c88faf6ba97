"""Circuits of growing size from one ranking: the best edges (or nodes) at the ten fractions of the MIB benchmark."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.scores import Ranking
from edgewise.graph.selection import has_path, prune, top_n, top_nodes

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Ladder:
    """Circuits of the ``n`` edges of highest rank; of node scores, of the edges among the best nodes.

    Args:
        scores: of every edge, or of every node.
        by: what they are ranked by.
        pruned: whether edges that lie on no path are taken out, so that fewer than ``n`` may stay.
    """

    scores: EdgeScores | NodeScores
    by: Ranking = "abs"
    pruned: bool = False

    @property
    def what(self) -> str:
        """``"edges"`` or ``"nodes"``: what is counted."""
        return "edges" if isinstance(self.scores, EdgeScores) else "nodes"

    @property
    def total(self) -> int:
        """How many of them there are."""
        graph = self.scores.graph
        return graph.n_edges if isinstance(self.scores, EdgeScores) else graph.n_sources

    @property
    def unscored(self) -> int:
        """How many of them have no score, so that the ranking does not reach to the end."""
        return self.total - int((~np.isnan(self.scores.ranking(self.by))).sum())

    def size(self, fraction: float) -> int:
        """Number of edges (or nodes) at a fraction: rounded down, as MIB does."""
        # 0.29 of 100 edges are 29, though 0.29 * 100 is 28.999...
        return math.floor(fraction * self.total + 1e-9)

    def circuit(self, n: int) -> Circuit:
        """The circuit of the best ``n``."""
        scores = self.scores
        best = top_n(scores, n, self.by) if isinstance(scores, EdgeScores) else top_nodes(scores, n, self.by)
        return prune(best) if self.pruned else best

    @property
    def first_path(self) -> int | None:
        """The fewest best edges (or nodes) with a path from `input` to `logits` among them; None where none has."""
        low, high = 1, self.total - self.unscored
        if high < 1 or not has_path(self.circuit(high)):
            return None
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if has_path(self.circuit(middle)) else (middle + 1, high)
        return low

    def shuffled(self, seed: int, number: int) -> Ladder:
        """The ladder of a random ranking, the same for the same seed and number; a larger circuit holds a smaller one.

        Args:
            seed: of all random ladders.
            number: which of them.
        """
        values = np.full(self.scores.values.shape, np.nan)
        places = self.scores.graph.mask if isinstance(self.scores, EdgeScores) else np.ones(values.shape, dtype=bool)
        values[places] = np.random.default_rng([seed, number]).permutation(int(places.sum()))
        return Ladder(self.scores.of(values), "signed", self.pruned)
