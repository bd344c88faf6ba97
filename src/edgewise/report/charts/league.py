"""Cost against quality of methods: a column a method, the cheapest on the left, a panel a measure.

Each column has the mean over tasks and draws as a large mark, each of them as a small one, and a line from the worst to
the best. Methods that are worth their cost have a full mark in colour, the others an empty one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.evaluation.ranking import MEASURES, Standing, by_mean, worth_their_cost
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
class Panel:
    """One panel.

    Args:
        title: what it is, and which way is better.
        label: of its axis.
        measure: one of `MEASURES`.
        methods: the same in every panel, as they stand on the tasks that this one is about.
        exact: what the exact effects themselves reach; None where that says nothing.
    """

    title: str
    label: str
    measure: str
    methods: Sequence[Standing]
    exact: float | None = None

    @property
    def worth(self) -> set[str]:
        """Names of the methods that are better than all that cost less."""
        return {one.name for one in worth_their_cost(self.methods, partial(by_mean, measure=self.measure))}

    @property
    def ends(self) -> tuple[float, float]:
        """Of the axis; what is below stands at its end."""
        if MEASURES[self.measure][1]:
            return (0.4 if self.measure == "auroc" else 0.0), 1.02
        known = [value for one in self.methods for value in one.known(self.measure)]
        return 0.0, 1.05 * max([*known, self.exact or 0.0], default=1.0)


def league_chart(
    panels: Sequence[Panel], advised: Collection[str], heading: Heading, cost: str = "cost in passes, by EAP's"
) -> Chart:
    """Return the chart.

    Args:
        panels: what is measured of the methods, whose costs are known and above 0.
        advised: names of the methods that stand out.
        heading: what stands above.
        cost: what costs are, for the axis.
    """
    names = max(text_width(_words(one), SMALL, one.name in advised) for one in panels[0].methods)
    size = _WIDTH, _REST + _PANEL * len(panels) + names
    return chart(heading, size, partial(_fill, panels, advised, cost))


def _words(method: Standing) -> str:
    """What stands below its column."""
    return f"{method.name}   {times_words(method.cost)}"


def _fill(panels: Sequence[Panel], advised: Collection[str], cost: str, figure: SubFigure, colours: Colours) -> None:
    methods = panels[0].methods
    places = _places([one.cost or 1.0 for one in methods])
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, axes in zip(panels, drawn, strict=True):
        _panel(panel, places, axes, colours)
    below = drawn[-1]
    below.set_xlim(0, _ROOM)
    below.set_xticks(places, [_words(one) for one in methods], size=SMALL * POINT, rotation=90)
    for one, words in zip(methods, below.get_xticklabels(), strict=True):
        bold = one.name in advised
        words.set(rotation_mode="anchor", ha="right", va="center_baseline")
        words.set(color=colours["kept" if bold else "ink"], weight="bold" if bold else "normal")
    below.set_xlabel(f"{cost}; the scale is of powers of ten, and methods of like cost stand side by side")
    _explain(figure, below, any(panel.exact is not None for panel in panels), colours)


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


def _panel(panel: Panel, places: Sequence[float], axes: Axes, colours: Colours) -> None:
    worth, (low, high) = panel.worth, panel.ends
    for one, x in zip(panel.methods, places, strict=True):
        values, mean = one.known(panel.measure), one.mean(panel.measure)
        if mean is None:
            continue
        colour, heights = colours["kept" if one.name in worth else "plain"], np.clip(values, low, high)
        if len(values) > 1:
            axes.plot([x, x], [heights.min(), heights.max()], color=colour, lw=1.2)
            axes.plot([x] * len(values), heights, "_", color=colour, ms=6, mew=1.2)
        said = f"{one.name}: mean {mean:.3f}, from {min(values):.3f} to {max(values):.3f}"
        marks(axes, [x], [min(max(mean, low), high)], [said], zorder=3, **_look(one.name in worth, colours))
    if panel.exact is not None:
        axes.axhline(panel.exact, color=colours["ink"], **_EXACT)
    axes.set(title=panel.title, ylabel=panel.label, ylim=(low, high))
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
