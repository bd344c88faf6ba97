"""Scores of edges and of nodes: signed estimates of L(patched) - L(clean), as frozen values.

L is the task metric, higher is better, so an edge that helps the metric has a negative score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgewise.graph.arrays import BoolArray
from edgewise.graph.graph import Graph
from edgewise.graph.named import NamedScores
from edgewise.graph.ranked import RANKINGS
from edgewise.settings.selection import Ranking

__all__ = ["RANKINGS", "EdgeScores", "NodeScores", "Ranking"]


@dataclass(frozen=True, eq=False, repr=False)
class EdgeScores(NamedScores):
    """One signed number for each edge, with its spread over prompts where it is known.

    Args as of `NamedScores`; every array is in the shape of the graph's mask, `[n_sources, n_destinations]`, with
    places `[n_sources, n_destinations, n_places]`. What stands where no edge exists does not matter; it becomes NaN.
    """

    what: ClassVar[str] = "edge"

    graph: Graph

    @property
    def exists(self) -> BoolArray:
        """Which edges there are, in the shape of the scores."""
        return self.graph.mask

    @property
    def plain(self) -> EdgeScores:
        """The scores of edges over all positions: sums over places, of which nothing but the values is known.

        Those of single prompts are kept too; an edge without a score at some place has none.
        """
        if not self.graph.places:
            return self
        return self._summed(self.graph.plain)

    @property
    def by_place(self) -> EdgeScores:
        """The scores of edges at their own places: sums over the places of readers, likewise."""
        return self._summed(self.graph.at_places(self.graph.places)) if self.graph.readers else self

    def _summed(self, graph: Graph) -> EdgeScores:
        axes = tuple(range(graph.mask.ndim - self.graph.mask.ndim, 0))
        exists = self.graph.mask
        per_prompt = None if self.per_prompt is None else np.where(exists, self.per_prompt, 0).sum(axes)
        return EdgeScores(
            graph,
            np.where(exists, self.values, 0).sum(axes),
            per_prompt=per_prompt,
            n_prompts=self.n_prompts,
            allow_unscored=self.allow_unscored,
        )

    def _at(self, name: str) -> tuple[int, ...]:
        return self.graph.edge(name)

    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of the edge that stands there: a source's row, a destination's column, maybe a place."""
        return self.graph.edge_name(*at)


@dataclass(frozen=True, eq=False, repr=False)
class NodeScores(NamedScores):
    """One signed number for each source node, with its spread over prompts where it is known.

    Args as of `NamedScores`; every array is `[n_sources]`.
    """

    what: ClassVar[str] = "node"

    graph: Graph

    @property
    def exists(self) -> BoolArray:
        """Every node, `[n_sources]`."""
        return np.ones(self.graph.n_sources, dtype=np.bool_)

    def _at(self, name: str) -> tuple[int, ...]:
        return (self.graph.source_index(name),)

    def name_at(self, at: tuple[int, ...]) -> str:
        """Return the name of the node that stands there, a row."""
        return self.graph.sources[at[0]]
