"""Signed values in groups: one row a group, a dot a value, a bar at the middle one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.graph.arrays import FloatArray
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import Colours
from edgewise.report.charts.ticks import power_words
from edgewise.report.charts.tips import marks
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_WIDTH, _ROW, _REST = 960.0, 38.0, 90.0
_DOT: dict[str, Any] = {"s": 18, "lw": 0, "alpha": 0.65}


@dataclass(frozen=True)
class Group:
    """One row.

    Args:
        name: what stands at its left.
        values: signed, one at least.
        names: of each, for whoever points at it.
    """

    name: str
    values: Sequence[float]
    names: Sequence[str]


def strips_chart(groups: Sequence[Group], heading: Heading, what: str) -> Chart:
    """Return the chart.

    Args:
        groups: rows, the first on top.
        heading: what stands above.
        what: the label of the axis, with its unit.
    """
    return chart(heading, (_WIDTH, _REST + _ROW * len(groups)), partial(_fill, groups, what))


def _fill(groups: Sequence[Group], what: str, figure: SubFigure, colours: Colours) -> None:
    axes = figure.subplots()
    for row, group in enumerate(groups):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=colours["band"], lw=0, zorder=0)
        # Neighbours in size stand at different heights, so that they can be told apart.
        rank = np.argsort(np.argsort(group.values, kind="stable"))
        heights = row + 0.29 * ((rank * 0.618034 % 1) * 2 - 1)
        tints = [colours["helps" if value < 0 else "harms"] for value in group.values]
        names = [f"{name}: {value:.4g}" for name, value in zip(group.names, group.values, strict=True)]
        marks(axes, group.values, heights.tolist(), names, color=tints, zorder=3, **_DOT)
        axes.plot([np.median(group.values)] * 2, [row - 0.42, row + 0.42], color=colours["ink"], lw=1.8, zorder=4)
    axes.axvline(0, color=colours["quiet"], lw=0.9, zorder=2)
    _scale(np.array([value for group in groups for value in group.values]), axes)
    axes.set(ylim=(len(groups) - 0.5, -0.5), xlabel=what)
    axes.set_yticks(range(len(groups)), [f"{group.name}: {len(group.values):,}" for group in groups])
    axes.grid(False, axis="y")
    handles: list[Artist] = [axes.scatter([], [], color=colours[name], **_DOT) for name in ("helps", "harms")]
    handles += axes.plot([], [], "|", color=colours["ink"], ms=10, mew=1.8)
    words = [
        "below 0: patching lowers the metric",
        "above 0: patching raises it",
        "median; number of edges at the left",
    ]
    key(figure, handles, words, columns=3)


def _scale(values: FloatArray, axes: Axes) -> None:
    """Powers of ten on both sides of zero where the sizes differ by much, else even steps."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    sizes = np.abs(values[values != 0])
    most, middle = (float(sizes.max()), float(np.median(sizes))) if len(sizes) else (1.0, 1.0)
    if most <= 20 * middle:
        axes.set_xlim(min(0.0, float(values.min())) - 0.06 * most, max(0.0, float(values.max())) + 0.06 * most)
        return
    first, last = int(np.floor(np.log10(middle))), int(np.floor(np.log10(most * 1.3)))
    axes.set_xscale("symlog", linthresh=10.0**first, linscale=1)
    axes.set_xlim(-1.3 * most, 1.3 * most)
    powers = 10.0 ** np.arange(first, last + 1, max(1, -(-(last - first + 1) // 6)))
    axes.xaxis.set_major_locator(FixedLocator([*-powers[::-1], 0, *powers]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power_words(value)))
