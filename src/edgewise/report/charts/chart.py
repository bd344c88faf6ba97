"""A chart: parts below each other, each a heading and what is drawn below it, as a matplotlib figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from edgewise.report.charts.style import DPI, LINE, POINT, TITLE, Colours, settings
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.defaults import default_settings
from edgewise.report.picture.palette import LIGHT
from edgewise.report.picture.scene import fitted
from edgewise.visible import visible

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure, SubFigure

_MARGIN, _FIRST, _NEXT, _AFTER, _BELOW = 24.0, 38.0, 19.0, 14.0, 12.0
Fill: TypeAlias = "Callable[[SubFigure, Colours], None]"
"""Draws what is below a heading; sees the palette by name."""


@dataclass(frozen=True)
class Part:
    """One heading and what is below it.

    Args:
        heading: what stands above.
        size: width and height of what is below, pixels.
        fill: draws it.
    """

    heading: Heading
    size: tuple[float, float]
    fill: Fill

    @property
    def head(self) -> float:
        """The heading's height, pixels."""
        return _FIRST + _NEXT * len(self.heading.lines) + _AFTER


@dataclass(frozen=True)
class Chart:
    """One chart.

    Args:
        title: what it shows, in a few words.
        parts: from the top down, one at least.
    """

    title: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, pixels."""
        return max(part.size[0] for part in self.parts), sum(part.head + part.size[1] + _BELOW for part in self.parts)

    @cached_property
    def on_light_paper(self) -> Figure:
        """The chart laid out once, for all files that are painted of it."""
        return figure(self)


def chart(heading: Heading, size: tuple[float, float], fill: Fill) -> Chart:
    """Return a chart of one part; args as of `Part`."""
    return Chart(heading.title, (Part(heading, size, fill),))


def stacked(charts: Sequence[Chart], title: str) -> Chart:
    """Return one chart with all of these, the first on top.

    Args:
        charts: one at least.
        title: what all of it shows.
    """
    return Chart(title, tuple(part for one in charts for part in one.parts))


def figure(of: Chart, colours: Colours = LIGHT) -> Figure:
    """Return a chart as a figure, which belongs to no window and to no list of figures.

    Args:
        of: the chart.
        colours: of light paper by default.
    """
    with default_settings(settings(colours)):
        return _figure(of, colours)


def _figure(of: Chart, colours: Colours) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    width, height = of.size
    made = Figure(figsize=(width / DPI, height / DPI), layout="constrained")
    rows = [tall for part in of.parts for tall in (part.head, part.size[1], _BELOW)]
    ratios = {"width_ratios": (_MARGIN, width - _MARGIN), "height_ratios": rows}
    bands = made.subfigures(len(rows), 2, squeeze=False, wspace=0, hspace=0, **ratios)[:, 1]
    for part, head, body in zip(of.parts, bands[::3], bands[1::3], strict=True):
        _head(head, part, width, colours)
        part.fill(body, colours)
    for text in made.findobj(Text):
        text.set_text(visible(text.get_text()))
    _lay_out(made)
    return made


def _lay_out(made: Figure) -> None:
    """Once, and to a millionth: the last digits of the solver are not the same every time."""
    engine = made.get_layout_engine()
    assert engine is not None
    engine.execute(made)
    made.set_layout_engine("none")
    for band in made.subfigs:
        band.bbox_relative.set_points(band.bbox_relative.get_points().round(6))
    for axes in made.axes:
        left, low, wide, tall = (round(side, 6) for side in axes.get_position(original=True).bounds)
        axes.set_position((left, low, wide, tall))


def _head(band: SubFigure, part: Part, width: float, colours: Colours) -> None:
    said = [(part.heading.title, TITLE, "ink", True), *((line, LINE, "quiet", False) for line in part.heading.lines)]
    for row, (words, size, colour, bold) in enumerate(said):
        band.text(
            0,
            1 - (_FIRST + _NEXT * row) / part.head,
            fitted(visible(" ".join(words.split())), size, width - 2 * _MARGIN, bold),
            fontsize=size * POINT,
            color=colours[colour],
            fontweight="bold" if bold else "normal",
        )


def key(
    figure: SubFigure, handles: Sequence[Artist], labels: Sequence[str], columns: int, *, below: bool = False
) -> None:
    """Draw the key of a part outside its axes.

    Args:
        figure: the part.
        handles: what is explained.
        labels: by what words.
        columns: how many stand side by side.
        below: below the axes, not above them.
    """
    figure.legend(handles, labels, loc="outside lower left" if below else "outside upper left", ncols=columns)
