"""Several runs: faithfulness by size, one line a run, and matrices of how alike they are.

Lines are told apart by colour, by dashes and by the form of their marks, and numbered as the rows of the matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.evaluation.comparison import Matrix
from edgewise.report.charts.cells import cells
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import LABEL, SMALL, Colours, dashes
from edgewise.report.charts.ticks import powers_of_ten
from edgewise.report.charts.tips import marks
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import line_style
from edgewise.report.picture.scene import fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_WIDTH, _TALL, _ROW, _SIDE = 960.0, 580.0, 18.0, 232.0


@dataclass(frozen=True)
class Line:
    """One run, or random rankings.

    Args:
        words: for the key.
        points: share of the edges kept, above 0, and faithfulness.
        own: those of the run's own circuit; None for random rankings, or where there is none.
    """

    words: str
    points: tuple[tuple[float, float], ...]
    own: tuple[float, float] | None = None


def comparison_chart(lines: Sequence[Line], squares: Mapping[str, Matrix], heading: Heading) -> Chart:
    """Return the chart.

    Args:
        lines: of the runs in the order of the matrices; one more is that of random rankings.
        squares: title -> a matrix of numbers from -1 to 1; none of one run.
        heading: what stands above.
    """
    return chart(heading, (_WIDTH, _TALL + _ROW * len(lines)), partial(_fill, lines, squares))


def _fill(lines: Sequence[Line], squares: Mapping[str, Matrix], figure: SubFigure, colours: Colours) -> None:
    widths = (5, 2) if squares else (1,)
    grid = figure.add_gridspec(max(1, len(squares)), len(widths), width_ratios=widths)
    axes = figure.add_subplot(grid[:, 0])
    n_runs = len(next(iter(squares.values()), lines[:1]))
    looks = [_look(number, n_runs, colours) for number in range(len(lines))]
    for line, look in reversed(list(zip(lines, looks, strict=True))):
        axes.plot(*_across(line.points), **look)
    for line, look in zip(lines, looks, strict=True):
        if line.own is not None:
            axes.plot(*_across([line.own]), **look)
            ring: dict[str, Any] = {"facecolor": "none", "edgecolor": colours["ink"], "lw": 1.05, "s": 144}
            marks(axes, *_across([line.own]), [line.words], zorder=4, **ring)
    _scale(axes, [point for line in lines for point in (*line.points, *([line.own] if line.own else []))])
    axes.set(
        title="Faithfulness by size; ringed: the run's own circuit", xlabel="share of edges kept", ylabel="faithfulness"
    )
    for row, (title, matrix) in enumerate(squares.items()):
        _matrix(title, matrix, figure.add_subplot(grid[row, 1], box_aspect=1), colours)
    shown = (look if len(line.points) > 1 else look | {"lw": 0} for line, look in zip(lines, looks, strict=True))
    handles = [axes.plot([], [], **look)[0] for look in shown]
    words = [fitted(" ".join(line.words.split()), LABEL, _WIDTH - 100) for line in lines]
    key(figure, handles, words, columns=1)


def _across(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [share for share, _ in points], [value for _, value in points]


def _look(number: int, n_runs: int, colours: Colours) -> dict[str, Any]:
    role, dash, mark = ("quiet", (1.5, 3.0), ".") if number >= n_runs else line_style(number)
    return {"color": colours[role], "lw": 1.5, "ls": dashes(dash), "marker": mark, "ms": 5.5, "mew": 0}


def _scale(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    least = 0.8 * min((share for share, _ in points), default=0.001)
    values = [0.0, 1.0, *(value for _, value in points)]
    # A few circuits far off must not press all others together.
    low, high = max(min(values), -1.0), min(max(values), 2.0)
    axes.set(xscale="log", xlim=(least, 1.1), ylim=(low - 0.05, high + 0.05))
    powers_of_ten(axes.xaxis, least, 1.1)


def _matrix(title: str, matrix: Matrix, axes: Axes, colours: Colours) -> None:
    n = len(matrix)
    shares = np.array([[np.nan if value is None else value for value in row] for row in matrix])
    words = [["–" if value is None else _two(value) for value in row] for row in matrix]
    # Four signs, the widest being "−.12", with a little room at their sides.
    cells(axes, shares, colours, words, ("harms", "helps"), min(SMALL, (_SIDE / n - 3) / 2.5))
    numbers = [str(number) for number in range(1, n + 1)]
    axes.set_xticks(np.arange(n) + 0.5, numbers)
    axes.set_yticks(np.arange(n) + 0.5, numbers)
    axes.set(title=title, ylim=(n, 0))


def _two(value: float) -> str:
    """Two digits after the point and none before it, where there is room for no more."""
    words = f"{abs(value):.2f}".removeprefix("0")
    return "1" if words == "1.00" and value > 0 else f"{'−' if value < 0 and words != '.00' else ''}{words}"
