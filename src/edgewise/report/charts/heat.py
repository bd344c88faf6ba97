"""A table of numbers: each in a cell as strong in colour as it is large, the largest framed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgewise.report.charts.cells import cells
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import TINT, Colours
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure


@dataclass(frozen=True)
class Grid:
    """The numbers.

    Args:
        columns: names of the columns, from left to right.
        rows: names of the rows, from the bottom up.
        values: row after row.
        across: what columns are.
        up: what rows are.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    across: str
    up: str


def heat_chart(grid: Grid, heading: Heading) -> Chart:
    """Return the chart; tints run from the least number to the largest."""
    size = max(150.0 + 76 * len(grid.columns), 660.0), 130.0 + 44 * len(grid.rows)
    return chart(heading, size, partial(_fill, grid))


def _fill(grid: Grid, figure: SubFigure, colours: Colours) -> None:
    axes, values = figure.subplots(), np.array(grid.values)
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low) if high > low else np.ones_like(values)
    cells(axes, shares, colours, [[f"{value:.3f}" for value in row] for row in grid.values], ("kept", "kept"))
    row, column = np.unravel_index(values.argmax(), values.shape)
    x, y = [0, 1, 1, 0, 0, 1], [0, 0, 1, 1, 0, 0]
    frame = axes.plot(np.array(x) + column, np.array(y) + row, color=colours["ink"], lw=1.8, clip_on=False, zorder=5)
    axes.set_xticks(np.arange(len(grid.columns)) + 0.5, grid.columns)
    axes.set_yticks(np.arange(len(grid.rows)) + 0.5, grid.rows)
    axes.set(xlabel=grid.across, ylabel=grid.up)
    ends = [
        axes.plot([], [], "s", ms=10, color=colours["kept"], alpha=alpha, mec=colours["rule"])[0] for alpha in (0, TINT)
    ]
    key(figure, [*ends, *frame], [f"{low:.3f}", f"{high:.3f}", "the largest"], columns=3)
