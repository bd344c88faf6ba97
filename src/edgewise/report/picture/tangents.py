"""Curves against their tangents as a scene: small panels side by side, one an edge, each with a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgewise.report.picture.axes import Linear, panel
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.scene import Scene, Shape, Text, box, fitted, polyline, text_width

_SIDE, _BETWEEN, _SQUARE, _ABOVE, _BELOW, _MOST = 84.0, 74.0, 150.0, 62.0, 62.0, 5
_CURVE, _TANGENT = "kept", "harms"
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Bent:
    """One curve.

    Args:
        name: what stands above it.
        shares: where it is known, rising from 0 to 1.
        values: of the curve there, 0 at 0.
        slope: of its tangent at 0.
    """

    name: str
    shares: Sequence[float]
    values: Sequence[float]
    slope: float


def tangents_scene(curves: Sequence[Bent], heading: Heading, across: str, up: str) -> Scene:
    """Return the picture.

    Args:
        curves: one at least.
        heading: what stands above; its metric is the unit.
        across: what the horizontal axes count.
        up: what the vertical ones do.
    """
    columns = min(len(curves), _MOST)
    width = max(2 * _SIDE + columns * _SQUARE + (columns - 1) * _BETWEEN - 56, 760.0)
    head, at = heading_items(heading, width)
    items: _Items = [*head, *_key(at)]
    rows = -(-len(curves) // _MOST)
    for index, curve in enumerate(curves):
        row, column = divmod(index, _MOST)
        left, top = _SIDE + column * (_SQUARE + _BETWEEN), at + 50 + row * (_SQUARE + _ABOVE + 20)
        last = index + _MOST >= len(curves)
        items += _panel(curve, left, top, across if last else "", up if column == 0 else "")
    height = at + 50 + rows * (_SQUARE + _ABOVE + 20) - _ABOVE - 20 + _BELOW
    return Scene(width, height, heading.title, (Shape(box(0, 0, width, height), fill="paper"), *items))


def _panel(curve: Bent, left: float, top: float, across: str, up: str) -> _Items:
    ends = [0.0, curve.slope, *curve.values]
    room = 0.06 * (max(ends) - min(ends)) or 1.0
    x = Linear(0, 1, left, left + _SQUARE, across)
    y = Linear(min(ends) - room, max(ends) + room, top + _SQUARE, top, up)
    items = [_smaller(item, curve.name) for item in panel(x, y, curve.name)]
    items.append(Shape(polyline([(x.begin, y.at(0)), (x.end, y.at(0))]), stroke="quiet", width=1))
    tangent = polyline([(x.at(0), y.at(0)), (x.at(1), y.at(curve.slope))])
    items.append(Shape(tangent, stroke=_TANGENT, width=1.8, dash=(6, 3)))
    points = [(x.at(share), y.at(value)) for share, value in zip(curve.shares, curve.values, strict=True)]
    items.append(Shape(polyline(points), stroke=_CURVE, width=2.2, title=curve.name))
    return items


def _smaller(item: Shape | Text, name: str) -> Shape | Text:
    """A panel's title as a name, in a size at which it fits above a small panel."""
    if not isinstance(item, Text) or item.text != name:
        return item
    room = _SQUARE + _BETWEEN / 2
    return Text(item.x, item.y + 5, fitted(name, 11, room, True), 11, bold=True)


def _key(at: float) -> _Items:
    items: _Items = []
    left = 24.0
    for words, colour, width, dash in (
        ("measured", _CURVE, 2.2, ()),
        ("tangent: what EAP estimates", _TANGENT, 1.8, (6.0, 3.0)),
    ):
        items.append(Shape(polyline([(left, at + 1.5), (left + 26, at + 1.5)]), stroke=colour, width=width, dash=dash))
        items.append(Text(left + 33, at + 5.5, words, 11))
        left += 33 + text_width(words, 11) + 24
    return items
