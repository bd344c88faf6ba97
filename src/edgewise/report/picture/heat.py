"""A table of numbers as a scene: each in a cell as dark as it is large, the largest framed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.palette import on_tint, size_tint
from edgewise.report.picture.scene import Scene, Shape, Text, box, text_width

_CELL, _TALL, _SIDE, _BELOW = 76.0, 42.0, 110.0, 70.0
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Grid:
    """The numbers.

    Args:
        columns: names of the columns, from left to right.
        rows: names of the rows, from the bottom up.
        values: row after row.
        across: what columns are.
        up: what rows are.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    across: str
    up: str


def heat_scene(grid: Grid, heading: Heading) -> Scene:
    """Return the picture; tints run from the least number to the largest."""
    every = [value for row in grid.values for value in row]
    low, high = min(every), max(every)
    width = max(_SIDE + _CELL * len(grid.columns) + 40, 660.0)
    head, at = heading_items(heading, width)
    top, left = at + 40, (width - _CELL * len(grid.columns)) / 2 + 36
    bottom = top + _TALL * len(grid.rows)
    items: _Items = [Shape(box(0, 0, width, bottom + _BELOW), fill="paper"), *head, *_key(low, high, at)]
    framed: Shape | None = None
    for row, (name, values) in enumerate(zip(grid.rows, grid.values, strict=True)):
        upper = bottom - _TALL * (row + 1)
        items.append(Text(left - 10, upper + _TALL / 2 + 4, name, 11, "end", "quiet"))
        for column, value in enumerate(values):
            x = left + _CELL * column
            tint = size_tint((value - low) / (high - low) if high > low else 1.0)
            items.append(Shape(box(x + 1, upper + 1, _CELL - 2, _TALL - 2, 3), fill=tint))
            items.append(Text(x + _CELL / 2, upper + _TALL / 2 + 4, f"{value:.3f}", 11.5, "middle", on_tint(tint)))
            if value == high and framed is None:
                framed = Shape(box(x + 1, upper + 1, _CELL - 2, _TALL - 2, 3), stroke="ink", width=2.4)
    items += [framed] if framed is not None else []
    for column, name in enumerate(grid.columns):
        items.append(Text(left + _CELL * (column + 0.5), bottom + 18, name, 11, "middle", "quiet"))
    items.append(Text(left + _CELL * len(grid.columns) / 2, bottom + 44, grid.across, 11.5, "middle"))
    items.append(Text(left - 66, (top + bottom) / 2, grid.up, 11.5, "middle", turned=True))
    return Scene(width, bottom + _BELOW, heading.title, tuple(items))


def _key(low: float, high: float, at: float) -> _Items:
    items: _Items = []
    words = f"{low:.3f}"
    items.append(Text(24, at + 5.5, words, 11))
    left = 24 + text_width(words, 11) + 8
    for step in range(5):
        items.append(Shape(box(left + 22 * step, at - 5, 22, 13), fill=size_tint(step / 4)))
    left += 22 * 5 + 8
    items.append(Text(left, at + 5.5, f"{high:.3f}; the largest is framed", 11))
    return items
