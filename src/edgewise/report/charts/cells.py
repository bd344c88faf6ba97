"""Numbers in cells that are tinted by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.graph.arrays import FloatArray
from edgewise.report.charts.style import LABEL, POINT, TINT, Colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cells(
    axes: Axes,
    shares: FloatArray,
    colours: Colours,
    words: Sequence[Sequence[str]],
    ends: tuple[str, str],
    size: float = LABEL,
) -> None:
    """Draw a table, cell [i, j] between j and j + 1 across and i and i + 1 up; see-through, so that text is read on it.

    Args:
        axes: all of it.
        shares: -1 to 1, `[n, m]`; the tint is as strong as the share is far from 0, NaN has none.
        colours: the palette.
        words: what stands in each cell.
        ends: names of the colours at -1 and 1.
        size: of the words, pixels.
    """
    from matplotlib.colors import to_rgb

    known = np.nan_to_num(shares)
    below, above = (np.array(to_rgb(colours[name])) for name in ends)
    tints = np.where((known < 0)[..., None], below, above)
    axes.pcolormesh(
        np.concatenate([tints, TINT * np.abs(known)[..., None]], axis=-1), edgecolors=colours["rule"], linewidth=0.75
    )
    for row, column in np.ndindex(*shares.shape):
        quiet = colours["quiet" if np.isnan(shares[row, column]) else "ink"]
        place: dict[str, Any] = {"ha": "center", "va": "center_baseline", "size": size * POINT, "color": quiet}
        axes.text(column + 0.5, row + 0.5, words[row][column], **place)
    axes.grid(False)
