"""Marks that tell a pointer over them what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

TIP = "tip:"
"""Begins what stands where a link would have its address."""


def marks(axes: Axes, x: Sequence[float], y: Sequence[float], names: Sequence[str], **style: Any) -> PathCollection:
    """Draw one mark a point, over the axes' frame too, and return them.

    Args:
        axes: where.
        x: across.
        y: up.
        names: of each, for a pointer.
        style: as of `Axes.scatter`.
    """
    drawn = axes.scatter(x, y, clip_on=False, **style)
    drawn.set_urls([f"{TIP}{name}" for name in names])
    return drawn
