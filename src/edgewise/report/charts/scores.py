"""The scores of all edges (or nodes): how many are how large, and how they fall off with their rank."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.spread import Spread, histogram, spread_of
from edgewise.report.charts.style import Colours
from edgewise.report.charts.ticks import powers_of_ten
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_SIZE, _NOTHING = (960.0, 376.0), (960.0, 12.0)
_DOTS = 400


def scores_chart(scores: EdgeScores | NodeScores, circuit: Circuit, heading: Heading) -> Chart:
    """Return the chart of the scores: a histogram, and |score| by rank with the circuit's share marked."""
    spread = spread_of(scores, circuit)
    said = Heading(heading.title, (*heading.lines, _note(spread)), heading.metric)
    unit = f"|score|, {heading.metric}" if heading.metric else "|score|"
    shown = spread.zeros < len(spread.sizes)
    return chart(said, _SIZE if shown else _NOTHING, partial(_fill, spread if shown else None, unit))


def _fill(spread: Spread | None, unit: str, figure: SubFigure, colours: Colours) -> None:
    if spread is None:
        return
    bars, ranks = figure.subplots(1, 2)
    _bars(spread, bars, colours)
    _ranks(spread, ranks, colours)
    bars.set(xlabel=unit, title=f"How many {spread.what}s have which score", ylabel=f"number of {spread.what}s")
    ranks.set(xlabel=f"rank of the {spread.what} by |score|", title="|score| by rank", ylabel=unit)
    handles, labels = bars.get_legend_handles_labels()
    if spread.exact is not None:
        exact = ranks.plot([], [], color=colours["ink"], lw=1.5, marker="D", ms=4.5, mfc=colours["paper"], mew=0.9)
        handles += exact
        labels += ["exact effects, measured: line across bars at their number, diamonds among ranks"]
    key(figure, handles, labels, columns=3)


def _bars(spread: Spread, axes: Axes, colours: Colours) -> None:
    counted = histogram(spread)
    ends = np.array(counted.ends)
    kept, others = np.array(counted.kept), np.array(counted.others)
    both = (kept > 0) & (others > 0)
    # Both in one bar stand side by side, for on such an axis a stack would say nothing.
    for name, words, count, begin, end in (
        ("kept", f"{spread.what}s in the circuit", kept, np.where(both, 0.5, 0.05), 0.95),
        ("other", "the others", others, 0.05, np.where(both, 0.5, 0.95)),
    ):
        left, right = (ends[:-1] * (ends[1:] / ends[:-1]) ** share for share in (begin, end))
        some = count > 0
        axes.bar(
            *(left[some], count[some] - 0.7, (right - left)[some], 0.7), align="edge", color=colours[name], label=words
        )
    for index in np.flatnonzero(counted.exact):
        level = counted.exact[index]
        axes.plot(ends[index : index + 2], [level, level], color=colours["ink"], lw=1.5)
    axes.set(xscale="log", yscale="log", xlim=spread.ends, ylim=(0.7, max(1.6 * max(*kept, *others), 10.0)))
    powers_of_ten(axes.xaxis, *axes.get_xlim())
    powers_of_ten(axes.yaxis, *axes.get_ylim())


def _ranks(spread: Spread, axes: Axes, colours: Colours) -> None:
    n, shown = len(spread.sizes), spread.sizes > 0
    line, kept = _sample(np.flatnonzero(shown)), _sample(np.flatnonzero(spread.kept & shown))
    axes.plot(line + 1, spread.sizes[line], color=colours["other"], lw=3, solid_joinstyle="round")
    axes.plot(kept + 1, spread.sizes[kept], "o", ms=3.3, mew=0, color=colours["kept"], clip_on=False)
    if spread.exact is not None:
        exact = _sample(np.flatnonzero(spread.exact & shown))
        for of, fill in ((spread.kept, "kept"), (~spread.kept, "paper")):
            some = exact[of[exact]]
            look: dict[str, Any] = {"mfc": colours[fill], "mec": colours["ink"], "ms": 4.5, "mew": 0.9}
            axes.plot(some + 1, spread.sizes[some], "D", clip_on=False, **look)
    if spread.is_cut and spread.kept.sum() < n:
        _cut(int(spread.kept.sum()), n, axes, colours)
    low, high = spread.ends
    axes.set(xscale="log", yscale="log", xlim=(0.8, max(n * 1.15, 9.0)), ylim=(low, high))
    powers_of_ten(axes.xaxis, *axes.get_xlim())
    powers_of_ten(axes.yaxis, low, high)


def _cut(kept: int, n: int, axes: Axes, colours: Colours) -> None:
    """A line behind the last that is kept, with words where the curve, which falls, is not."""
    axes.axvline(kept + 0.5, color=colours["ink"], lw=0.9, ls=(0, (3, 2)))
    first = kept + 0.5 < n**0.5
    axes.annotate(
        f"the first {kept:,} are kept",
        (kept + 0.5, 1 if first else 0),
        xycoords=("data", "axes fraction"),
        xytext=(6, -14) if first else (-6, 8),
        textcoords="offset points",
        ha="left" if first else "right",
    )


def _note(spread: Spread) -> str:
    what, n, kept = spread.what, len(spread.sizes), int(spread.kept.sum())
    counts = f"{kept:,} of {n:,} {what}s in the circuit"
    if spread.exact is not None:
        counts += f"; {int(spread.exact.sum()):,} scores are exact effects, the others estimates"
    if spread.zeros:
        counts += f"; {spread.zeros:,} score exactly 0 and stand in neither figure"
    if spread.zeros == n:
        return counts
    small = int(((spread.sizes > 0) & (spread.sizes < spread.ends[0])).sum())
    if small:
        counts += f"; {small:,} too small for the axis {'is' if small == 1 else 'are'} in the first bar"
    return counts


def _sample(ranks: np.ndarray[Any, np.dtype[np.intp]]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Ranks that stand apart on an axis of powers of ten; all of them where they are few."""
    if len(ranks) <= _DOTS:
        return ranks
    steps = np.unique(np.round(np.geomspace(1, len(ranks), _DOTS)).astype(np.intp)) - 1
    return ranks[steps]
