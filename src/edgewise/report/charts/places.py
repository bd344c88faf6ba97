"""Edges by place: the strongest pairs of ends, and what each has at every place, in cells tinted by it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgewise.graph import EdgeScores
from edgewise.report.charts.at_places import MOST_ROWS, AtPlaces, strongest_at_places
from edgewise.report.charts.cells import cells
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import TINT, Colours
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

# Of the largest score: smaller ones are told by their tint alone.
_SAID = 0.005


def places_chart(scores: EdgeScores, heading: Heading, most: int = MOST_ROWS) -> Chart:
    """Return the chart.

    Args:
        scores: of edges at places; those by reader are summed over readers.
        heading: what stands above it.
        most: how many pairs of ends, those of the largest score at any place.
    """
    shown = strongest_at_places(scores, most)
    size = max(240.0 + 78 * len(shown.places), 660.0), 140.0 + 26 * len(shown.names)
    return chart(heading, size, partial(_fill, shown, heading.distance))


def _fill(shown: AtPlaces, distance: bool, figure: SubFigure, colours: Colours) -> None:
    rows, largest = np.nan_to_num(shown.values[::-1]), shown.largest
    axes = figure.subplots()
    words = [[f"{value:.2g}" if abs(value) >= _SAID * largest else "" for value in row] for row in rows]
    ends = ("harms", "helps") if distance else ("helps", "harms")
    cells(axes, rows / largest, colours, words, ends)
    axes.set_xticks(np.arange(len(shown.places)) + 0.5, shown.places)
    axes.set_yticks(np.arange(len(rows)) + 0.5, shown.names[::-1])
    drawn = [axes.plot([], [], "s", ms=10, color=colours[name], alpha=TINT, mec=colours["rule"])[0] for name in ends]
    said = {"helps": "the edge helps there", "harms": "the edge harms there"}
    key(figure, drawn, [f"negative: {said[ends[0]]}", f"positive: {said[ends[1]]}"], columns=2)
