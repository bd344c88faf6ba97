"""A table of edges: those that sets of prompts share above, those of one set alone below, each set's part in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgewise.report.charts.cells import cells
from edgewise.report.charts.chart import Chart, Part
from edgewise.report.charts.style import Colours
from edgewise.report.picture.circuit import Heading
from edgewise.report.table import fixed

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

_WIDE, _COLUMN, _ROW, _FOOT = 250.0, 96.0, 24.0, 44.0
_LEAST = 760.0


@dataclass(frozen=True)
class Rows:
    """Some of the rows.

    Args:
        heading: what they are.
        names: of the edges, from the top down.
        values: a number for each column, NaN where there is none.
    """

    heading: Heading
    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


def parts_chart(title: str, columns: Sequence[str], blocks: Sequence[Rows]) -> Chart:
    """Return the chart; the tint of a cell is as strong as its number is large among all, one colour for each sign.

    Args:
        title: what all of it shows.
        columns: their names, from left to right.
        blocks: from the top down, each of one row at least.
    """
    every = np.abs([value for block in blocks for row in block.values for value in row])
    largest = float(np.nanmax(every, initial=0.0))
    wide = max(_LEAST, _WIDE + _COLUMN * len(columns))
    parts = [
        Part(block.heading, (wide, _FOOT + _ROW * len(block.names)), partial(_fill, columns, block, largest or 1.0))
        for block in blocks
    ]
    return Chart(title, tuple(parts))


def _fill(columns: Sequence[str], block: Rows, largest: float, figure: SubFigure, colours: Colours) -> None:
    axes, values = figure.subplots(), np.array(block.values, dtype=float)
    words = [["–" if np.isnan(value) else fixed(value, 3).replace("-", "−") for value in row] for row in values]
    cells(axes, values / largest, colours, words, ("helps", "harms"))
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(np.arange(len(block.names)) + 0.5, block.names)
    axes.set(ylim=(len(block.names), 0))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
