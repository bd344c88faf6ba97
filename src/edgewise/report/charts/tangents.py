"""Curves against their tangents: small panels side by side, one an edge, each with a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import POINT, SMALL, Colours, dashes
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

_MOST, _WIDE, _TALL, _REST = 5, 206.0, 212.0, 36.0


@dataclass(frozen=True)
class Bent:
    """One curve.

    Args:
        name: what stands above it.
        shares: where it is known, rising from 0 to 1.
        values: of the curve there, 0 at 0.
        slope: of its tangent at 0.
    """

    name: str
    shares: Sequence[float]
    values: Sequence[float]
    slope: float


def tangents_chart(curves: Sequence[Bent], heading: Heading, across: str, up: str) -> Chart:
    """Return the chart.

    Args:
        curves: one at least.
        heading: what stands above; its metric is the unit.
        across: what the horizontal axes count.
        up: what the vertical ones do.
    """
    columns, rows = min(len(curves), _MOST), -(-len(curves) // _MOST)
    size = max(columns * _WIDE, 760.0), rows * _TALL + _REST
    return chart(heading, size, partial(_fill, curves, across, up))


def _fill(curves: Sequence[Bent], across: str, up: str, figure: SubFigure, colours: Colours) -> None:
    columns = min(len(curves), _MOST)
    grid = figure.subplots(-(-len(curves) // columns), columns, squeeze=False, subplot_kw={"box_aspect": 1}).ravel()
    for index, (curve, axes) in enumerate(zip(curves, grid, strict=False)):
        axes.axhline(0, color=colours["quiet"], lw=0.75)
        tangent = {"color": colours["harms"], "lw": 1.4, "ls": dashes((6, 3))}
        axes.plot([0, 1], [0, curve.slope], label="tangent: what EAP estimates", **tangent)
        axes.plot(curve.shares, curve.values, color=colours["kept"], lw=1.7, label="measured")
        axes.set_title(curve.name, size=SMALL * POINT)
        axes.set(
            xlim=(0, 1),
            xlabel=across if index + columns >= len(curves) else "",
            ylabel=up if index % columns == 0 else "",
        )
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.margins(y=0.1)
    for axes in grid[len(curves) :]:
        axes.remove()
    handles, labels = grid[0].get_legend_handles_labels()
    key(figure, handles[::-1], labels[::-1], columns=2)
