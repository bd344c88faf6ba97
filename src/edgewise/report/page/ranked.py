"""The edges (or nodes) that a page can show: the first of a run's ranking, its circuit among them, in one order.

Where the circuit is just the first of the ranking, that is the order. Else the circuit comes first, strongest first,
and then the others: a search may keep what its scores do not rank high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgewise.evaluation.stability import intervals
from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.report.page.columns import Number
from edgewise.report.page.numbers import rounded
from edgewise.report.page.values import Ranked
from edgewise.runs.store.folder import Run

MOST = 1000


@dataclass(frozen=True, eq=False)
class Order:
    """All edges (or nodes) of a run in the order of its page.

    Args:
        exists: where there is one, in the shape of the scores.
        kept: whether the circuit keeps it, ``[total]``.
        places: of all, in this order, ``[total]``.
        ranks: of each, from 1, ``[total]``.
        of_ranking: whether the order is that of the ranking.
    """

    exists: BoolArray
    kept: BoolArray
    places: np.ndarray[Any, np.dtype[np.intp]]
    ranks: np.ndarray[Any, np.dtype[np.intp]]
    of_ranking: bool

    @classmethod
    def of(cls, run: Run) -> Order:
        """That of a run."""
        scores, graph = run.scores, run.scores.graph
        of_edges = isinstance(scores, EdgeScores)
        exists = graph.mask if of_edges else np.ones(graph.n_sources, dtype=np.bool_)
        kept = (run.circuit.mask if of_edges else run.circuit.node_mask)[exists]
        ranking = scores.ranking(run.config.selection.by)[exists].astype(np.float64)
        places = np.argsort(-np.nan_to_num(ranking, nan=-np.inf), kind="stable")
        ranks = np.empty(len(places), dtype=np.intp)
        ranks[places] = np.arange(1, len(places) + 1)
        of_ranking = bool(kept[places[: int(kept.sum())]].all())
        if not of_ranking:
            places = np.concatenate((places[kept[places]], places[~kept[places]]))
        return cls(exists, kept, places, ranks, of_ranking)


def ranked(run: Run, order: Order, most: int = MOST) -> Ranked:
    """Return the first `most` of a run, or its circuit where that is more; those without a score only where it is kept.

    Args:
        run: a finished run.
        order: its own.
        most: how many.
    """
    scores = run.scores
    values = scores.values[order.exists]
    shown = order.places[: max(most, int(order.kept.sum()))]
    shown = shown[np.isfinite(values[shown]) | order.kept[shown]]
    ends = None if scores.half_width is None else intervals(scores)

    def column(array: FloatArray | None) -> tuple[Number, ...] | None:
        return None if array is None else rounded(array[order.exists][shown])

    rows = np.argwhere(order.exists)[shown].tolist()
    known = np.isfinite(values[shown]).tolist()
    return Ranked(
        names=tuple(scores.name_at(tuple(at)) for at in rows),
        ranks=tuple(rank if there else None for rank, there in zip(order.ranks[shown].tolist(), known, strict=True)),
        scores=rounded(values[shown]),
        stderrs=column(scores.stderr) or (None,) * len(shown),
        exact=None if scores.verified is None else tuple(_exact(scores)[order.exists][shown].tolist()),
        estimates=column(scores.estimated),
        doubts=column(scores.doubt),
        lows=None if ends is None else column(ends.low),
        highs=None if ends is None else column(ends.high),
        kept=tuple(map(int, order.kept[shown].tolist())),
        first=int(order.kept.sum()) or None,
        by=run.config.selection.by,
        places=tuple(scores.graph.place_name(*at[1:]) for at in rows) if scores.graph.places else None,
    )


def _exact(scores: EdgeScores | NodeScores) -> np.ndarray[Any, np.dtype[np.int64]]:
    """0 for an estimate, 1 for an exact effect, 2 for one that a lot chose, in the shape of the scores."""
    assert scores.verified is not None
    found = scores.verified.astype(np.int64)
    return found if scores.drawn is None else found + (scores.verified & scores.drawn)
