"""Signed values in groups as a scene: one row a group, a dot a value, a bar at the middle one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edgewise.report.picture.axes import Linear, SignedLog
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.scene import Scene, Shape, Text, box, polyline, text_width

_WIDTH, _ROW, _R, _BELOW = 960.0, 38.0, 2.8, 58.0
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Group:
    """One row.

    Args:
        name: what stands at its left.
        values: signed, one at least.
        names: of each, for whoever points at it.
    """

    name: str
    values: Sequence[float]
    names: Sequence[str]


def strips_scene(groups: Sequence[Group], heading: Heading, what: str) -> Scene:
    """Return the picture.

    Args:
        groups: rows, the first on top.
        heading: what stands above.
        what: the label of the axis, with its unit.
    """
    head, at = heading_items(heading, _WIDTH)
    words = [(group.name, f"{len(group.values):,}") for group in groups]
    left = 24 + max(text_width(name, 12) + 14 + text_width(count, 10.5) for name, count in words) + 26
    top = at + 30
    bottom = top + _ROW * len(groups)
    values = np.array([value for group in groups for value in group.values])
    x = _axis(values, left, _WIDTH - 30, what)
    items: _Items = [Shape(box(0, 0, _WIDTH, bottom + _BELOW), fill="paper"), *head, *_key(at)]
    for index in range(0, len(groups), 2):
        items.append(Shape(box(left, top + _ROW * index, x.end - left, _ROW), fill="band"))
    for value, label in x.ticks():
        line = polyline([(x.at(value), top), (x.at(value), bottom)])
        items.append(Shape(line, stroke="quiet" if value == 0 else "rule", width=1.2 if value == 0 else 0.8))
        items.append(Text(x.at(value), bottom + 16, label, 10.5, "middle", "quiet"))
    items.append(Text((left + x.end) / 2, bottom + 38, what, 11.5, "middle"))
    for index, group in enumerate(groups):
        middle = top + _ROW * (index + 0.5)
        items.append(Text(24, middle + 4, group.name, 12))
        items.append(Text(left - 12, middle + 4, words[index][1], 10.5, "end", "quiet"))
        items += _row(group, x, middle)
    return Scene(_WIDTH, bottom + _BELOW, heading.title, tuple(items))


def _axis(values: np.ndarray, begin: float, end: float, label: str) -> Linear | SignedLog:
    """Powers of ten on both sides of zero where the sizes differ by much, else even steps."""
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return Linear(-1, 1, begin, end, label)
    most, middle = float(sizes.max()), float(np.median(sizes))
    if most > 20 * middle:
        return SignedLog(10.0 ** np.floor(np.log10(middle)), most * 1.3, begin, end, label)
    return Linear(
        min(0.0, float(values.min())) - 0.06 * most, max(0.0, float(values.max())) + 0.06 * most, begin, end, label
    )


def _row(group: Group, x: Linear | SignedLog, middle: float) -> _Items:
    items: _Items = []
    order = sorted(range(len(group.values)), key=lambda at: group.values[at])
    for rank, at in enumerate(order):
        value = group.values[at]
        # Neighbours in size stand at different heights, so that they can be told apart.
        up = middle + (_ROW / 2 - 8) * (((rank * 0.618034) % 1) * 2 - 1)
        colour = "helps" if value < 0 else "harms"
        across = x.at(value)
        items.append(
            Shape(
                box(across - _R, up - _R, 2 * _R, 2 * _R, _R),
                fill=colour,
                opacity=0.65,
                title=f"{group.names[at]}: {value:.4g}",
            )
        )
    median = x.at(float(np.median(group.values)))
    items.append(_median(median, middle))
    return items


def _median(across: float, middle: float) -> Shape:
    return Shape(polyline([(across, middle - _ROW / 2 + 3), (across, middle + _ROW / 2 - 3)]), stroke="ink", width=2.4)


def _key(at: float) -> _Items:
    items: _Items = []
    left = 24.0
    for colour, words in (("helps", "below 0: patching lowers the metric"), ("harms", "above 0: patching raises it")):
        items.append(Shape(box(left + 2, at - 1, 2 * _R, 2 * _R, _R), fill=colour))
        items.append(Text(left + 15, at + 5.5, words, 11))
        left += 15 + text_width(words, 11) + 24
    items.append(Shape(polyline([(left + 3, at - 4), (left + 3, at + 8)]), stroke="ink", width=2.4))
    items.append(Text(left + 13, at + 5.5, "median; number of edges at the left", 11))
    return items
