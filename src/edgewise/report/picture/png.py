"""A scene as PNG, painted by matplotlib without its global state: no pyplot, no back end switched.

Fonts are those that matplotlib carries, so that pictures of one run are equal wherever they are made.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from edgewise.report.picture.defaults import default_settings
from edgewise.report.picture.palette import DARK, LIGHT, colour
from edgewise.report.picture.scene import Scene, Shape, Text
from edgewise.visible import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 96  # a pixel of a scene is a pixel of CSS
_SHARP = 2.0
_MOST_PIXELS = 60_000_000
_SIDES: dict[str, Literal["left", "center", "right"]] = {"start": "left", "middle": "center", "end": "right"}


def png(scene: Scene, *, dark: bool = False) -> bytes:
    """Return a scene as PNG, two pixels for each of the scene's, fewer for a very large one.

    Args:
        scene: what to paint.
        dark: for dark screens.
    """
    scale = min(_SHARP, (_MOST_PIXELS / max(scene.width * scene.height, 1)) ** 0.5)
    with default_settings():
        return png_of(_figure(scene, DARK if dark else LIGHT), _DPI * scale)


def png_of(figure: Figure, dpi: float) -> bytes:
    """Return a matplotlib figure as PNG, by the canvas alone: `savefig` would draw it twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    figure.set_dpi(dpi)
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _figure(scene: Scene, colours: Mapping[str, str]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(scene.width / _DPI, scene.height / _DPI), dpi=_DPI, facecolor=colours["paper"])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    for order, item in enumerate(scene.items):
        artist = _patch(item, colours) if isinstance(item, Shape) else _words(item, colours)
        artist.set_zorder(order)
        axes.add_artist(artist)
    return figure


def _patch(shape: Shape, colours: Mapping[str, str]) -> Any:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    codes, vertices = [], []
    letters = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    for letter, numbers in shape.commands:
        if letter == "Z":
            codes.append(Path.CLOSEPOLY)
            vertices.append((0.0, 0.0))
            continue
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        codes += [letters[letter]] * len(points)
        vertices += points
    points_wide = shape.width * 72 / _DPI
    return PathPatch(
        Path(vertices, codes),
        facecolor=colour(shape.fill, colours) if shape.fill else "none",
        edgecolor=colour(shape.stroke, colours) if shape.stroke else "none",
        linewidth=points_wide if shape.stroke else 0.0,
        # matplotlib counts dashes in line widths, SVG in pixels
        linestyle=(0, tuple(length / shape.width for length in shape.dash)) if shape.dash else "solid",
        alpha=shape.opacity,
        capstyle="butt",
        joinstyle="round",
    )


def _words(text: Text, colours: Mapping[str, str]) -> Any:
    from matplotlib.text import Text as Words

    return Words(
        text.x,
        text.y,
        visible(text.text),
        fontsize=text.size * 72 / _DPI,
        color=colour(text.colour, colours),
        horizontalalignment=_SIDES[text.anchor],
        verticalalignment="baseline",
        fontweight="bold" if text.bold else "normal",
        fontfamily="DejaVu Sans",
        rotation=90 if text.turned else 0,
        rotation_mode="anchor",
        parse_math=False,
    )
