"""The look of every chart: fonts, sizes and colours, as settings of matplotlib.

Fonts are those that matplotlib carries, so that charts of one run are laid out alike wherever they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Colours: TypeAlias = Mapping[str, str]
"""Name of the palette -> ``#rrggbb``, for light paper or for a dark screen."""

DPI = 96  # a pixel of a chart is a pixel of CSS
POINT = 72 / DPI
"""Points to a pixel: matplotlib counts fonts and lines in points."""
FONT = "DejaVu Sans"
TITLE, LINE, PANEL, LABEL, SMALL = 18.0, 12.0, 13.0, 12.0, 11.0
"""Sizes of letters, pixels: the heading's title and its lines, a panel's title, axes and keys, ticks."""
TINT = 0.5
"""The strongest tint of a cell is half see-through: text in ink is then read on it, on light and on dark."""


_PLAIN: Mapping[str, Any] = {
    "font.family": [FONT],
    "font.size": SMALL * POINT,
    "text.parse_math": False,
    "figure.dpi": DPI,
    "figure.constrained_layout.w_pad": 8 * POINT / 72,
    "figure.constrained_layout.h_pad": 6 * POINT / 72,
    "figure.constrained_layout.wspace": 0.04,
    "figure.constrained_layout.hspace": 0.04,
    "axes.linewidth": POINT,
    "axes.labelsize": LABEL * POINT,
    "axes.titlelocation": "left",
    "axes.titlesize": PANEL * POINT,
    "axes.titleweight": "bold",
    "axes.titlepad": 8 * POINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.linewidth": 0.8 * POINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 5 * POINT,
    "ytick.major.pad": 6 * POINT,
    "lines.solid_capstyle": "butt",
    "lines.scale_dashes": False,
    "legend.frameon": False,
    "legend.fontsize": LABEL * POINT,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1.6,
    "legend.handlelength": 2.4,
    "legend.scatterpoints": 1,
    "svg.fonttype": "none",
    "svg.hashsalt": "edgewise",
}
_COLOURED = {
    "ink": ("text.color", "axes.labelcolor"),
    "paper": ("figure.facecolor", "axes.facecolor"),
    "rule": ("axes.edgecolor", "grid.color", "xtick.color", "ytick.color"),
    "quiet": ("xtick.labelcolor", "ytick.labelcolor"),
}


def settings(colours: Colours) -> dict[str, Any]:
    """Return what differs from matplotlib's defaults."""
    return {**_PLAIN, **{name: colours[role] for role, names in _COLOURED.items() for name in names}}


def dashes(lengths: tuple[float, ...]) -> Any:
    """Return matplotlib's style of a line.

    Args:
        lengths: of strokes and gaps, pixels; none for an unbroken line.
    """
    return (0, tuple(POINT * length for length in lengths)) if lengths else "-"
