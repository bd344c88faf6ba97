"""KL from the clean run against the number of edges kept, one line a method, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import LABEL, Colours, dashes
from edgewise.report.charts.ticks import powers_of_ten
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import line_style
from edgewise.report.picture.scene import fitted

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

_WIDTH, _TALL, _ROW = 640.0, 420.0, 18.0
# What stands for a KL of zero, and for one that is smaller: no more can be seen in float32.
LEAST = 1e-5


@dataclass(frozen=True)
class Curve:
    """One method.

    Args:
        words: for the key.
        points: edges kept, above 0, and KL.
    """

    words: str
    points: tuple[tuple[int, float], ...]


def sizes_chart(curves: Sequence[Curve], heading: Heading) -> Chart:
    """Return the chart.

    Args:
        curves: one at least, each with a point at least.
        heading: what stands above.
    """
    return chart(heading, (_WIDTH, _TALL + _ROW * len(curves)), partial(_fill, curves))


def _fill(curves: Sequence[Curve], figure: SubFigure, colours: Colours) -> None:
    axes, handles = figure.add_subplot(), []
    for number, curve in enumerate(curves):
        role, dash, mark = line_style(number)
        sizes = [size for size, _ in curve.points]
        kls = [max(kl, LEAST) for _, kl in curve.points]
        look = {"color": colours[role], "lw": 1.5, "ls": dashes(dash), "marker": mark, "ms": 5.5, "mew": 0}
        handles += axes.plot(sizes, kls, **look)
    every = [(size, max(kl, LEAST)) for curve in curves for size, kl in curve.points]
    left, right = min(size for size, _ in every) / 1.2, max(size for size, _ in every) * 1.2
    low, high = min(kl for _, kl in every) / 1.5, max(kl for _, kl in every) * 1.5
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(low, high))
    axes.set(xlabel="edges kept", ylabel="KL (clean || circuit), nats")
    powers_of_ten(axes.xaxis, left, right)
    powers_of_ten(axes.yaxis, low, high)
    words = [fitted(" ".join(curve.words.split()), LABEL, _WIDTH - 100) for curve in curves]
    key(figure, handles, words, columns=1)
