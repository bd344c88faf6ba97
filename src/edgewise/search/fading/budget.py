"""Masks that keep so many edges in all: a step up for the most important, a step down for the others."""

from __future__ import annotations

import math

import numpy as np

from edgewise.graph.arrays import BoolArray
from edgewise.search.table.cells import Array


def step(kept: Array, importance: Array, size: int, rate: float) -> Array:
    """The masks after one step: those of the most important edges open, all others close, and they sum to a size.

    As many open as the sum allows; of equal importances the first.

    Args:
        kept: the share that each edge keeps, ``[n_edges]``, 0 to 1.
        importance: of each edge.
        size: what the masks may sum to.
        rate: how far a mask moves.
    """
    up, down = np.clip(kept + rate, 0.0, 1.0), np.clip(kept - rate, 0.0, 1.0)
    order = np.argsort(-importance, kind="stable")
    sums = down.sum() + np.concatenate([[0.0], np.cumsum((up - down)[order])])
    opening = order[: max(int(np.searchsorted(sums, size, side="right")) - 1, 0)]
    moved: Array = down.copy()
    moved[opening] = up[opening]
    return moved


def size_at(done: int, steps: int, whole: int, fewest: int) -> int:
    """The size after so many steps: from all edges down to the fewest, by the same factor each step."""
    share = min(1.0, done / max(1, steps - 1))
    return max(fewest, round(whole * math.pow(fewest / whole, share)))


def best(kept: Array, importance: Array, size: int) -> BoolArray:
    """Which edges are the circuit of a size, ``[n_edges]``: those kept most, of equals the more important."""
    chosen = np.zeros(len(kept), dtype=np.bool_)
    chosen[np.lexsort((-importance, -kept))[:size]] = True
    return chosen
