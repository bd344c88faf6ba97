"""A picture, drawing or chart, as the files that show it."""

from __future__ import annotations

from typing import TypeAlias

from edgewise.report.charts.chart import Chart
from edgewise.report.charts.painted import chart_png, chart_svg
from edgewise.report.picture.png import png
from edgewise.report.picture.scene import Scene
from edgewise.report.picture.svg import svg

Picture: TypeAlias = Scene | Chart


def picture_svg(picture: Picture, *, standalone: bool = True) -> str:
    """Return a picture as one `<svg>` element; args as of `svg`."""
    if isinstance(picture, Scene):
        return svg(picture, standalone=standalone)
    return chart_svg(picture, standalone=standalone)


def picture_png(picture: Picture, *, dark: bool = False) -> bytes:
    """Return a picture as PNG; args as of `png`."""
    return png(picture, dark=dark) if isinstance(picture, Scene) else chart_png(picture, dark=dark)


def picture_files(name: str, picture: Picture) -> dict[str, bytes]:
    """Return the files of a picture, name -> content: SVG, light or dark as the reader's screen, and PNG of both.

    Args:
        name: of the files, without a suffix.
        picture: what is drawn.
    """
    return {
        f"{name}.svg": picture_svg(picture).encode(),
        f"{name}.png": picture_png(picture),
        f"{name}-dark.png": picture_png(picture, dark=True),
    }
