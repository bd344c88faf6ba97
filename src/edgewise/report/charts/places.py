"""Edges by place: the strongest pairs of ends, and what each has at every place, in cells tinted by it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgewise.graph import EdgeScores
from edgewise.report.charts.cells import cells
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import TINT, Colours
from edgewise.report.picture.circuit import Heading

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

MOST_ROWS = 24


def places_chart(scores: EdgeScores, heading: Heading, most: int = MOST_ROWS) -> Chart:
    """Return the chart.

    Args:
        scores: of edges at places; those by reader are summed over readers.
        heading: what stands above it.
        most: how many pairs of ends, those of the largest score at any place.
    """
    scores = scores.by_place
    n = min(most, int(scores.graph.any_place(~np.isnan(scores.values)).sum()))
    size = max(240.0 + 78 * scores.graph.n_places, 660.0), 140.0 + 26 * n
    return chart(heading, size, partial(_fill, scores, n))


def _fill(scores: EdgeScores, n: int, figure: SubFigure, colours: Colours) -> None:
    graph, values = scores.graph, np.nan_to_num(scores.values).astype(np.float64)
    sizes = np.abs(values).max(-1)
    best = np.argsort(-sizes, axis=None, kind="stable")[:n][::-1]
    ends = [tuple(map(int, np.unravel_index(at, sizes.shape))) for at in best]
    rows = np.stack([values[at] for at in ends])
    largest = float(np.abs(rows).max()) or 1.0
    axes = figure.subplots()
    words = [[f"{value:.2g}" if abs(value) >= 0.005 * largest else "" for value in row] for row in rows]
    cells(axes, rows / largest, colours, words, ("helps", "harms"))
    axes.set_xticks(np.arange(graph.n_places) + 0.5, graph.places)
    axes.set_yticks(np.arange(n) + 0.5, [graph.edge_name(*at) for at in ends])
    drawn = [
        axes.plot([], [], "s", ms=10, color=colours[name], alpha=TINT, mec=colours["rule"])[0]
        for name in ("helps", "harms")
    ]
    key(figure, drawn, [f"negative: the edge helps there, to -{largest:.3g}", "positive: it harms"], columns=2)
