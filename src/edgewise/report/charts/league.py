"""Cost against quality of methods: a column a method, the cheapest on the left, a panel a measure.

Each column has the mean over tasks and draws as a large mark, each of them as a small one, and a line from the worst to
the best. Methods that are worth their cost have a full mark in colour, the others an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import POINT, SMALL, Colours, dashes
from edgewise.report.charts.tips import marks
from edgewise.report.cost import times_words
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.scene import text_width
from edgewise.report.picture.spacing import apart

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_WIDTH, _PANEL, _REST, _ROOM, _GAP = 960.0, 222.0, 96.0, 850.0, 25.0
_EXACT: dict[str, Any] = {"lw": 0.9, "ls": dashes((6, 3))}


@dataclass(frozen=True)
class Column:
    """One method.

    Args:
        name: as people know it.
        cost: passes by EAP's, above 0.
        bold: whether it is among those advised.
    """

    name: str
    cost: float
    bold: bool = False

    @property
    def words(self) -> str:
        """What stands below it."""
        return f"{self.name}   {times_words(self.cost)}"


@dataclass(frozen=True)
class Measure:
    """One panel.

    Args:
        title: what it is, and which way is better.
        label: of its axis.
        values: of every column, one a task; empty where nothing is known.
        worth: of every column, whether it is better than all that cost less.
        exact: what the exact effects themselves reach; None where that says nothing.
        low: least value of the axis; what is below stands at its end.
        high: the largest.
    """

    title: str
    label: str
    values: Sequence[Sequence[float]]
    worth: Sequence[bool]
    exact: float | None = None
    low: float = 0.0
    high: float = 1.0


def league_chart(columns: Sequence[Column], measures: Sequence[Measure], heading: Heading) -> Chart:
    """Return the chart.

    Args:
        columns: the methods, one at least.
        measures: what is measured of them.
        heading: what stands above.
    """
    names = max(text_width(column.words, SMALL, column.bold) for column in columns)
    size = _WIDTH, _REST + _PANEL * len(measures) + names
    return chart(heading, size, partial(_fill, columns, measures))


def _fill(columns: Sequence[Column], measures: Sequence[Measure], figure: SubFigure, colours: Colours) -> None:
    places = _places([column.cost for column in columns])
    panels = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for measure, axes in zip(measures, panels, strict=True):
        _measure(measure, columns, places, axes, colours)
    below = panels[-1]
    below.set_xlim(0, _ROOM)
    below.set_xticks(places, [column.words for column in columns], size=SMALL * POINT, rotation=90)
    for column, words in zip(columns, below.get_xticklabels(), strict=True):
        words.set(rotation_mode="anchor", ha="right", va="center_baseline")
        words.set(color=colours["kept" if column.bold else "ink"], weight="bold" if column.bold else "normal")
    below.set_xlabel(
        "cost in passes, by EAP's; the scale is of powers of ten, and methods of like cost stand side by side"
    )
    _explain(figure, below, any(measure.exact is not None for measure in measures), colours)


def _places(costs: Sequence[float]) -> list[float]:
    """Where columns stand: by cost on an axis of powers of ten, side by side where they would touch."""
    gap = min(_GAP, _ROOM / (len(costs) + 1))
    begin, end = gap * 0.7, _ROOM - gap * 0.7
    sizes = np.log10(costs)
    shares = (sizes - sizes.min()) / (np.ptp(sizes) or 1.0)
    order = np.argsort(sizes, kind="stable")
    steps = gap * np.arange(len(order))
    fitted = apart(steps.tolist(), (begin + shares[order] * (end - begin)).tolist(), [1.0] * len(order))
    found = np.empty(len(order))
    found[order] = np.clip(fitted, begin + steps, end - steps[::-1])
    return [float(place) for place in found]


def _measure(
    measure: Measure, columns: Sequence[Column], places: Sequence[float], axes: Axes, colours: Colours
) -> None:
    for column, values, worth, x in zip(columns, measure.values, measure.worth, places, strict=True):
        if not values:
            continue
        colour, heights = colours["kept" if worth else "plain"], np.clip(values, measure.low, measure.high)
        mean = sum(values) / len(values)
        if len(values) > 1:
            axes.plot([x, x], [heights.min(), heights.max()], color=colour, lw=1.2)
            axes.plot([x] * len(values), heights, "_", color=colour, ms=6, mew=1.2)
        said = f"{column.name}: mean {mean:.3f}, from {min(values):.3f} to {max(values):.3f}"
        at = min(max(mean, measure.low), measure.high)
        marks(axes, [x], [at], [said], zorder=3, **_look(worth, colours))
    if measure.exact is not None:
        axes.axhline(measure.exact, color=colours["ink"], **_EXACT)
    axes.set(title=measure.title, ylabel=measure.label, ylim=(measure.low, measure.high))
    axes.grid(True, axis="x", lw=0.45, ls=dashes((1, 3)))


def _look(worth: bool, colours: Colours) -> dict[str, Any]:
    if worth:
        return {"s": 60, "facecolor": colours["kept"], "edgecolor": colours["paper"], "lw": 0.75}
    return {"s": 52, "facecolor": colours["paper"], "edgecolor": colours["plain"], "lw": 1.35}


def _explain(figure: SubFigure, axes: Axes, exact: bool, colours: Colours) -> None:
    handles: list[Artist] = [axes.scatter([], [], **_look(worth, colours)) for worth in (True, False)]
    handles += axes.plot([], [], "_", color=colours["plain"], ms=7, mew=1.2)
    words = ["mean: better than all that cost less", "mean: others", "one task, one draw of prompts"]
    if exact:
        handles += axes.plot([], [], color=colours["ink"], **_EXACT)
        words.append("the exact effects themselves")
    key(figure, handles, words, columns=4)
