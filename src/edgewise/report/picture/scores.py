"""The scores of all edges (or nodes) as a scene: how many are how large, and how they fall off with their rank."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.arrays import BoolArray, FloatArray
from edgewise.report.picture.axes import Log, panel
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.scene import Scene, Shape, Text, box, polygon, polyline, text_width

_WIDTH, _SIDE, _BETWEEN, _TALL, _BELOW = 960.0, 84.0, 96.0, 270.0, 62.0
_DECADES = 8
_BARS = 4  # a decade
_DOTS = 400
_Items: TypeAlias = "list[Shape | Text]"


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


def spread_of(scores: EdgeScores | NodeScores, circuit: Circuit) -> Spread:
    """Return the sizes of all scores there are, largest first, ties in the graph's order."""
    kept = circuit.mask if isinstance(scores, EdgeScores) else circuit.node_mask
    known = ~np.isnan(scores.values)
    sizes = np.abs(scores.values[known]).astype(np.float64)
    # Among equals those kept come first, so that a cut through a tie is seen as a cut.
    order = np.lexsort((~kept[known], -sizes))
    exact = None if scores.verified is None else scores.verified[known][order]
    return Spread(sizes[order], kept[known][order], "edge" if isinstance(scores, EdgeScores) else "node", exact)


def scores_scene(scores: EdgeScores | NodeScores, circuit: Circuit, heading: Heading) -> Scene:
    """Return the picture of the scores: a histogram, and |score| by rank with the circuit's share marked."""
    spread = spread_of(scores, circuit)
    said = Heading(heading.title, (*heading.lines, *_notes(spread)), heading.metric)
    head, at = heading_items(said, _WIDTH)
    top = at + 44
    height = top + _TALL + _BELOW
    unit = f"|score|, {heading.metric}" if heading.metric else "|score|"
    across = (_WIDTH - 2 * _SIDE - _BETWEEN + 48) / 2
    left, right = (_SIDE, _SIDE + across), (_SIDE + across + _BETWEEN, _SIDE + 2 * across + _BETWEEN)
    positive = spread.sizes[spread.sizes > 0]
    items: _Items = [Shape(box(0, 0, _WIDTH, height), fill="paper"), *head, *_key(spread, at)]
    if len(positive):
        low, high = _range(positive)
        items += _bars(spread, Log(low, high, *left, unit), top)
        items += _by_rank(spread, Log(low, high, top + _TALL, top, unit), right)
    return Scene(_WIDTH, height, heading.title, tuple(items))


def _range(positive: FloatArray) -> tuple[float, float]:
    """Whole bars around the scores, at most eight powers of ten."""
    high = (math.floor(math.log10(float(positive.max())) * _BARS + 1e-9) + 1) / _BARS
    low = math.floor(math.log10(float(positive.min())) * _BARS + 1e-9) / _BARS
    return float(10 ** max(low, high - _DECADES)), float(10**high)


def _notes(spread: Spread) -> tuple[str, ...]:
    what, n, kept = spread.what, len(spread.sizes), int(spread.kept.sum())
    counts = f"{kept:,} of {n:,} {what}s in the circuit"
    if spread.exact is not None:
        counts += f"; {int(spread.exact.sum()):,} scores are exact effects, the others estimates"
    if spread.zeros:
        counts += f"; {spread.zeros:,} score exactly 0 and stand in neither figure"
    positive = spread.sizes[spread.sizes > 0]
    if not len(positive):
        return (counts,)
    small = int((positive < _range(positive)[0]).sum())
    if small:
        counts += f"; {small:,} too small for the axis {'is' if small == 1 else 'are'} in the first bar"
    return (counts,)


def _key(spread: Spread, at: float) -> _Items:
    items: _Items = []
    x = 24.0
    for colour, words in (("kept", f"{spread.what}s in the circuit"), ("other", "the others")):
        items.append(Shape(box(x, at - 4, 20, 11, 2), fill=colour))
        items.append(Text(x + 27, at + 5.5, words, 11))
        x += 27 + text_width(words, 11) + 24
    if spread.exact is not None:
        words = "exact effects, measured: line across bars at their number, diamonds among ranks"
        items += [_level(x, x + 20, at + 1.5), _diamond(x + 10, at + 1.5)]
        items.append(Text(x + 27, at + 5.5, words, 11))
    return items


def _diamond(across: float, down: float, fill: str = "paper") -> Shape:
    r = 3.8
    corners = [(across, down - r), (across + r, down), (across, down + r), (across - r, down)]
    return Shape(polygon(corners), fill=fill, stroke="ink", width=1.2)


def _level(begin: float, end: float, up: float) -> Shape:
    return Shape(polyline([(begin, up), (end, up)]), stroke="ink", width=2.0)


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
    positive = spread.sizes[spread.sizes > 0]
    if not len(positive):
        return Histogram((), (), (), ())
    low, high = _range(positive)
    first, last = round(math.log10(low) * _BARS), round(math.log10(high) * _BARS)
    ends = (low, *(10 ** (step / _BARS) for step in range(first + 1, last)), high)
    inside = np.clip(spread.sizes, low, None)
    exact = np.zeros(len(inside), dtype=np.bool_) if spread.exact is None else spread.exact
    kept, others, measured = (
        tuple(np.histogram(inside[(spread.sizes > 0) & chosen], ends)[0].tolist())
        for chosen in (spread.kept, ~spread.kept, exact)
    )
    return Histogram(ends, kept, others, measured)


def _bars(spread: Spread, x: Log, top: float) -> _Items:
    counted = histogram(spread)
    edges = counted.ends
    most = max(*counted.kept, *counted.others)
    y = Log(0.7, max(most * 1.6, 10.0), top + _TALL, top, f"number of {spread.what}s")
    items = panel(x, y, f"How many {spread.what}s have which score")
    for index, (others, kept) in enumerate(zip(counted.others, counted.kept, strict=True)):
        at, wide = x.at(edges[index]), x.at(edges[index + 1]) - x.at(edges[index])
        # Both in one bin stand side by side, for on such an axis a stack would say nothing.
        halves = (0.05, 0.5, 0.95) if others and kept else (0.05, 0.95, 0.95) if others else (0.05, 0.05, 0.95)
        for colour, count, begin, end in (("other", others, *halves[:2]), ("kept", kept, *halves[1:])):
            if count:
                up = y.at(count)
                items.append(Shape(box(at + begin * wide, up, (end - begin) * wide, y.begin - up), fill=colour))
        if counted.exact[index]:
            items.append(_level(at + 0.05 * wide, at + 0.95 * wide, y.at(counted.exact[index])))
    return items


def _by_rank(spread: Spread, y: Log, sides: tuple[float, float]) -> _Items:
    n = len(spread.sizes)
    x = Log(0.8, max(n * 1.15, 9.0), *sides, f"rank of the {spread.what} by |score|")
    items = panel(x, y, "|score| by rank")
    ranks = _sample(np.flatnonzero(spread.sizes > 0))
    points = [(x.at(rank + 1), y.at(float(spread.sizes[rank]))) for rank in ranks]
    items.append(Shape(polyline(points), stroke="other", width=4))
    for rank in _sample(np.flatnonzero(spread.kept & (spread.sizes > 0))):
        at, up = x.at(rank + 1), y.at(float(spread.sizes[rank]))
        items.append(Shape(box(at - 2.2, up - 2.2, 4.4, 4.4, 2.2), fill="kept"))
    if spread.exact is not None:
        measured = _sample(np.flatnonzero(spread.exact & (spread.sizes > 0)))
        fills = ["kept" if spread.kept[rank] else "paper" for rank in measured]
        places = [(x.at(rank + 1), y.at(float(spread.sizes[rank]))) for rank in measured]
        items += [_diamond(*place, fill) for place, fill in zip(places, fills, strict=True)]
    if spread.is_cut and spread.kept.sum() < n:
        items += _cut(spread, x, y)
    return items


def _cut(spread: Spread, x: Log, y: Log) -> _Items:
    kept = int(spread.kept.sum())
    at = x.at(kept + 0.5)
    words = f"the first {kept:,} are kept"
    fits = at + 8 + text_width(words, 10.5) < x.end
    return [
        Shape(polyline([(at, y.begin), (at, y.end)]), stroke="ink", width=1.2, dash=(4, 3)),
        Text(at + 8 if fits else at - 8, y.end + 18, words, 10.5, "start" if fits else "end"),
    ]


def _sample(ranks: np.ndarray[Any, np.dtype[np.intp]]) -> list[int]:
    """Ranks that stand apart on an axis of powers of ten; all of them where they are few."""
    if len(ranks) <= _DOTS:
        return [int(rank) for rank in ranks]
    steps = np.unique(np.round(np.geomspace(1, len(ranks), _DOTS)).astype(np.intp)) - 1
    return [int(rank) for rank in ranks[steps]]
