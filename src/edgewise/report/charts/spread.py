"""How large the scores of a run are: in order, and counted by size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray

_DECADES = 8
_BARS = 4  # a decade


@dataclass(frozen=True)
class Spread:
    """The sizes of scores, largest first.

    Args:
        sizes: |score|, `[n]`, in units of the metric.
        kept: bool `[n]`, whether the circuit keeps the edge (or node).
        what: ``edge`` or ``node``.
        exact: bool `[n]`, whether the score is an exact effect; None where no exact effects were measured.
    """

    sizes: FloatArray
    kept: BoolArray
    what: str
    exact: BoolArray | None = None

    @property
    def zeros(self) -> int:
        """How many score exactly 0."""
        return int((self.sizes == 0).sum())

    @property
    def is_cut(self) -> bool:
        """Whether the circuit keeps the largest, and nothing else: a straight cut through the ranks."""
        n = int(self.kept.sum())
        rest = self.sizes[~self.kept]
        return n > 0 and (not len(rest) or bool(self.sizes[self.kept].min() >= rest.max()))

    @property
    def ends(self) -> tuple[float, float]:
        """Whole bars around the scores that are not 0, at most eight powers of ten; there must be one."""
        positive = self.sizes[self.sizes > 0]
        high = (math.floor(math.log10(float(positive.max())) * _BARS + 1e-9) + 1) / _BARS
        low = math.floor(math.log10(float(positive.min())) * _BARS + 1e-9) / _BARS
        return float(10 ** max(low, high - _DECADES)), float(10**high)


def spread_of(scores: EdgeScores | NodeScores, circuit: Circuit) -> Spread:
    """Return the sizes of all scores there are, largest first, ties in the graph's order."""
    kept = circuit.mask if isinstance(scores, EdgeScores) else circuit.node_mask
    known = ~np.isnan(scores.values)
    sizes = np.abs(scores.values[known]).astype(np.float64)
    # Among equals those kept come first, so that a cut through a tie is seen as a cut.
    order = np.lexsort((~kept[known], -sizes))
    exact = None if scores.verified is None else scores.verified[known][order]
    return Spread(sizes[order], kept[known][order], "edge" if isinstance(scores, EdgeScores) else "node", exact)


@dataclass(frozen=True)
class Histogram:
    """How many scores fall between which sizes; what scores exactly 0 is in no bar.

    Args:
        ends: of the bars, rising, one more than there are bars; what is smaller than the first is in the first bar.
        kept: how many of the circuit are in each.
        others: how many of the others are.
        exact: how many of both are exact effects.
    """

    ends: tuple[float, ...]
    kept: tuple[int, ...]
    others: tuple[int, ...]
    exact: tuple[int, ...]


def histogram(spread: Spread) -> Histogram:
    """Count scores by size, four bars to a power of ten; without bars where all scores are 0."""
    if spread.zeros == len(spread.sizes):
        return Histogram((), (), (), ())
    low, high = spread.ends
    first, last = round(math.log10(low) * _BARS), round(math.log10(high) * _BARS)
    ends = (low, *(10 ** (step / _BARS) for step in range(first + 1, last)), high)
    inside = np.clip(spread.sizes, low, None)
    exact = np.zeros(len(inside), dtype=np.bool_) if spread.exact is None else spread.exact
    kept, others, measured = (
        tuple(np.histogram(inside[(spread.sizes > 0) & chosen], ends)[0].tolist())
        for chosen in (spread.kept, ~spread.kept, exact)
    )
    return Histogram(ends, kept, others, measured)
