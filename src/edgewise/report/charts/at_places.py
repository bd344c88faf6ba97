"""The strongest pairs of ends, and what the edge of each has at every place: what chart and page show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.graph import EdgeScores
from edgewise.graph.arrays import FloatArray

MOST_ROWS = 24


@dataclass(frozen=True, eq=False)
class AtPlaces:
    """Some edges by place, the strongest first.

    Args:
        names: of the edges, without a place.
        places: in the prompt's order.
        values: scores, ``[edges, places]``; NaN where there is none.
    """

    names: tuple[str, ...]
    places: tuple[str, ...]
    values: FloatArray

    @property
    def largest(self) -> float:
        """The largest |score|; 1 where all are zero."""
        return float(np.nan_to_num(np.abs(self.values)).max(initial=0.0)) or 1.0


def strongest_at_places(scores: EdgeScores, most: int = MOST_ROWS) -> AtPlaces:
    """The edges of the largest score at any place, ties in the graph's order.

    Args:
        scores: of edges at places; those by reader are summed over readers.
        most: how many.
    """
    scores = scores.by_place
    graph, values = scores.graph, scores.values.astype(np.float64)
    sizes = np.nan_to_num(np.abs(values)).max(-1)
    scored = graph.any_place(~np.isnan(values))
    best = np.argsort(-np.where(scored, sizes, -1.0), axis=None, kind="stable")[: min(most, int(scored.sum()))]
    ends = [tuple(map(int, np.unravel_index(at, sizes.shape))) for at in best]
    names = tuple(graph.edge_name(i, j) for i, j in ends)
    rows = np.stack([values[at] for at in ends]) if ends else np.empty((0, graph.n_places))
    return AtPlaces(names, graph.places, rows)
