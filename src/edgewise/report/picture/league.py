"""Cost against quality of methods as a scene: a column a method, the cheapest on the left, a panel a measure.

Each column has the mean over tasks and draws as a large mark, each of them as a small one, and a line from the worst to
the best. Methods that are worth their cost have a full mark in colour, the others an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgewise.report.cost import times_words
from edgewise.report.picture.axes import Linear, Log
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.scene import Scene, Shape, Text, box, moved, polyline, text_width
from edgewise.report.picture.spacing import apart

_WIDTH, _LEFT, _RIGHT, _HIGH, _BETWEEN = 960.0, 84.0, 930.0, 178.0, 44.0
_GAP, _R, _TICK = 25.0, 5.2, 10.5
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Column:
    """One method.

    Args:
        name: as people know it.
        cost: passes by EAP's, above 0.
        bold: whether it is among those advised.
    """

    name: str
    cost: float
    bold: bool = False


@dataclass(frozen=True)
class Panel:
    """One measure.

    Args:
        title: what it is, and which way is better.
        label: of its axis.
        values: of every column, one a task; empty where nothing is known.
        worth: of every column, whether it is better than all that cost less.
        exact: what the exact effects themselves reach; None where that says nothing.
        low: least value of the axis; what is below stands at its end.
        high: the largest.
    """

    title: str
    label: str
    values: Sequence[Sequence[float]]
    worth: Sequence[bool]
    exact: float | None = None
    low: float = 0.0
    high: float = 1.0


def league_scene(columns: Sequence[Column], panels: Sequence[Panel], heading: Heading) -> Scene:
    """Return the picture.

    Args:
        columns: the methods, one at least.
        panels: what is measured of them.
        heading: what stands above.
    """
    head, at = heading_items(heading, _WIDTH)
    places = _places([column.cost for column in columns])
    items: _Items = [*head, *_key(at, any(panel.exact is not None for panel in panels))]
    top = at + 52
    for number, panel in enumerate(panels):
        upper = top + number * (_HIGH + _BETWEEN)
        items += _panel(panel, places, Linear(panel.low, panel.high, upper + _HIGH, upper, panel.label), columns)
    names, height = _names(columns, places, top + len(panels) * (_HIGH + _BETWEEN) - _BETWEEN)
    items += names
    return Scene(_WIDTH, height, heading.title, (Shape(box(0, 0, _WIDTH, height), fill="paper"), *items))


def _places(costs: Sequence[float]) -> list[float]:
    """Where columns stand: by cost on an axis of powers of ten, side by side where they would touch."""
    gap = min(_GAP, (_RIGHT - _LEFT) / (len(costs) + 1))
    begin, end = _LEFT + gap * 0.7, _RIGHT - gap * 0.7
    low, high = min(costs), max(costs)
    axis = Log(low, high if high > low else 2 * low, begin, end, "")
    order = sorted(range(len(costs)), key=lambda column: costs[column])
    starts = [gap * rank for rank in range(len(order))]
    fitted = apart(starts, [axis.at(costs[column]) for column in order], [1.0] * len(order))
    found = [0.0] * len(order)
    for rank, column in enumerate(order):
        least, most = begin + gap * rank, end - gap * (len(order) - 1 - rank)
        found[column] = min(max(fitted[rank], least), most)
    return found


def _panel(panel: Panel, places: Sequence[float], y: Linear, columns: Sequence[Column]) -> _Items:
    items: _Items = [
        Text(_LEFT, y.end - 10, panel.title, 13, bold=True),
        Shape(box(_LEFT, y.end, _RIGHT - _LEFT, y.begin - y.end), stroke="rule", width=1),
        Text(_LEFT - 46, (y.begin + y.end) / 2, y.label, 11.5, "middle", turned=True),
    ]
    for value, label in y.ticks():
        items.append(Shape(polyline([(_LEFT, y.at(value)), (_RIGHT, y.at(value))]), stroke="rule", width=0.8))
        items.append(Text(_LEFT - 7, y.at(value) + 3.8, label, _TICK, "end", "quiet"))
    items += [Shape(polyline([(x, y.begin), (x, y.end)]), stroke="rule", width=0.6, dash=(1, 3)) for x in places]
    if panel.exact is not None:
        items.append(_exact([(_LEFT, y.at(panel.exact)), (_RIGHT, y.at(panel.exact))]))
    for column, values, worth, x in zip(columns, panel.values, panel.worth, places, strict=True):
        if values:
            items += _column(x, values, worth, y, column.name)
    return items


def _column(x: float, values: Sequence[float], worth: bool, y: Linear, name: str) -> _Items:
    colour, heights = "kept" if worth else "plain", [y.at(value) for value in values]
    mean = sum(values) / len(values)
    said = f"{name}: mean {mean:.3f}, from {min(values):.3f} to {max(values):.3f}"
    items: _Items = []
    if len(values) > 1:
        items.append(Shape(polyline([(x, min(heights)), (x, max(heights))]), stroke=colour, width=1.6))
        items += [Shape(polyline([(x - 4, at), (x + 4, at)]), stroke=colour, width=1.6) for at in heights]
    return [*items, _mark(x, y.at(mean), worth, said)]


def _mark(x: float, at: float, worth: bool, title: str = "") -> Shape:
    circle = box(x - _R, at - _R, 2 * _R, 2 * _R, _R)
    if worth:
        return Shape(circle, fill="kept", stroke="paper", width=1, title=title)
    return Shape(circle, fill="paper", stroke="plain", width=1.8, title=title)


def _exact(points: Sequence[tuple[float, float]]) -> Shape:
    return Shape(polyline(points), stroke="ink", width=1.2, dash=(6, 3))


def _names(columns: Sequence[Column], places: Sequence[float], bottom: float) -> tuple[_Items, float]:
    items: _Items = []
    longest = 0.0
    for column, x in zip(columns, places, strict=True):
        words = f"{column.name}   {times_words(column.cost)}"
        longest = max(longest, text_width(words, 11, column.bold))
        ink = "kept" if column.bold else "ink"
        items.append(Text(x + 4, bottom + 9, words, 11, "end", ink, bold=column.bold, turned=True))
    below = bottom + 9 + longest + 20
    words = "cost in passes, by EAP's; the scale is of powers of ten, and methods of like cost stand side by side"
    items.append(Text((_LEFT + _RIGHT) / 2, below, words, 11.5, "middle"))
    return items, below + 18


def _key(at: float, exact: bool) -> _Items:
    entries = [
        (_mark(34, at + 4, True), "mean: better than all that cost less"),
        (_mark(34, at + 4, False), "mean: others"),
        (Shape(polyline([(30, at + 4), (38, at + 4)]), stroke="plain", width=1.6), "one task, one draw of prompts"),
        *([(_exact([(22, at + 4), (46, at + 4)]), "the exact effects themselves")] if exact else []),
    ]
    items: _Items = []
    shift = 0.0
    for sample, words in entries:
        items += moved([sample], shift, 0)
        items.append(Text(54 + shift, at + 8, words, 11))
        shift += 40 + text_width(words, 11) + 10
    return items
