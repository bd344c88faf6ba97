"""Heads and neurons: effects by layer, and faithfulness by size beside random circuits.

On the left the best neurons and heads, each at its layer, those of the circuit in full colour. On the right one line a
way to choose, with 95 % over prompts, and dotted what random circuits of as many heads and neurons keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from edgewise.evaluation.smallest.target import NORMAL_95
from edgewise.report.charts.chart import Chart, chart, key
from edgewise.report.charts.style import Colours, dashes
from edgewise.report.charts.ticks import powers_of_ten
from edgewise.report.charts.tips import marks
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_WIDTH, _TALL = 960.0, 420.0
_RANDOM: dict[str, Any] = {"ls": dashes((1.5, 3.0)), "lw": 1.2}


@dataclass(frozen=True)
class Stand:
    """One head or neuron: its name, its layer, its score, whether it helps, and whether the circuit keeps it."""

    name: str
    layer: int
    score: float
    helps: bool
    kept: bool


@dataclass(frozen=True)
class Sizes:
    """One way to choose.

    Args:
        words: for the key.
        points: how many are kept, above 0, faithfulness, and its standard error.
        random: how many, and the mean faithfulness of random circuits of that size.
    """

    words: str
    points: tuple[tuple[int, float, float | None], ...]
    random: tuple[tuple[int, float], ...] = ()


def neurons_chart(neurons: Sequence[Stand], heads: Sequence[Stand], sizes: Sequence[Sizes], heading: Heading) -> Chart:
    """Return the chart.

    Args:
        neurons: the best.
        heads: the best.
        sizes: what was measured; none leaves the right side out.
        heading: what stands above; its metric is the unit.
    """
    return chart(heading, (_WIDTH, _TALL), partial(_fill, neurons, heads, sizes, heading.metric))


def _fill(
    neurons: Sequence[Stand],
    heads: Sequence[Stand],
    sizes: Sequence[Sizes],
    metric: str,
    figure: SubFigure,
    colours: Colours,
) -> None:
    grid = figure.add_gridspec(2, 2 if sizes else 1)
    for row, (title, some) in enumerate((("Neurons", neurons), ("Heads", heads))):
        axes = figure.add_subplot(grid[row, 0])
        _stands(axes, some, colours)
        axes.set(title=title, ylabel=metric)
    axes.set(xlabel="layer")
    if sizes:
        _sizes(figure, figure.add_subplot(grid[:, 1]), sizes, colours)


def _stands(axes: Axes, some: Sequence[Stand], colours: Colours) -> None:
    from matplotlib.ticker import MaxNLocator

    for kept, alpha in ((False, 0.3), (True, 1.0)):
        for helps, role in ((True, "helps"), (False, "harms")):
            of = [one for one in some if (one.kept, one.helps) == (kept, helps)]
            x, y = [float(one.layer) for one in of], [one.score for one in of]
            names = [f"{one.name}: {one.score:.4g}" for one in of]
            marks(axes, x, y, names, s=12, facecolor=colours[role], lw=0, alpha=alpha, zorder=2 + kept)
    axes.axhline(0, color=colours["quiet"], lw=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _sizes(figure: SubFigure, axes: Axes, sizes: Sequence[Sizes], colours: Colours) -> None:
    handles, words = [], []
    for number, one in enumerate(sizes):
        role, dash, mark = line_style(number)
        look: dict[str, Any] = {
            "color": colours[role],
            "lw": 1.5,
            "ls": dashes(dash),
            "marker": mark,
            "ms": 5.0,
            "mew": 0,
        }
        handles += axes.plot([size for size, *_ in one.points], [f for _, f, _ in one.points], **look)
        words.append(one.words)
        for size, f, stderr in one.points:
            if stderr is not None:
                ends = [f - NORMAL_95 * stderr, f + NORMAL_95 * stderr]
                axes.plot([size, size], ends, color=colours[role], lw=0.8, alpha=0.6)
        if one.random:
            axes.plot(*zip(*one.random, strict=True), color=colours[role], **_RANDOM)
    if any(one.random for one in sizes):
        handles += axes.plot([], [], color=colours["quiet"], **_RANDOM)
        words.append("random, of that size")
    every = [size for one in sizes for size, *_ in one.points]
    low, high = min(every) / 1.2, max(every) * 1.2
    axes.set(xscale="log", xlim=(low, high), ylim=(-0.25, 1.25), title="Faithfulness by size", xlabel="kept")
    powers_of_ten(axes.xaxis, low, high)
    key(figure, handles, words, columns=2, below=True)
