"""ROC curves, and precision against recall, of several methods as a scene.

Scores are lines through every threshold. Circuits are marks, one each, with ACDC's pessimistic step function through
the best of them. Lines differ by colour, by dash and by mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edgewise.evaluation.roc import Front, RocCurve
from edgewise.report.picture.axes import Linear, panel
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.palette import curve_style
from edgewise.report.picture.scene import Command, Scene, Shape, Text, box, polygon, polyline

_WIDTH, _SIDE, _BETWEEN, _BELOW, _ROW = 960.0, 84.0, 96.0, 58.0, 18.0
_SQUARE = (_WIDTH - 2 * _SIDE - _BETWEEN + 48) / 2
_R = 4.0
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Drawn:
    """One method.

    Args:
        label: its name, with what should stand beside it in the key.
        roc: a curve of scores, or points of circuits.
        place: its number in the list of all methods, which decides how it is drawn.
        joined: whether circuits are joined by ACDC's step function, not marks alone.
    """

    label: str
    roc: RocCurve | Front
    place: int
    joined: bool = True


def roc_scene(drawn: Sequence[Drawn], heading: Heading, what: str) -> Scene:
    """Return the picture.

    Args:
        drawn: the methods, the first on top.
        heading: what stands above.
        what: ``"edge"`` or ``"node"``.
    """
    head, at = heading_items(heading, _WIDTH)
    top = at + 24
    left, right = (_SIDE, _SIDE + _SQUARE), (_SIDE + _SQUARE + _BETWEEN, _SIDE + 2 * _SQUARE + _BETWEEN)
    x = Linear(0, 1, *left, f"false positive rate (share of the other {what}s kept)")
    y = Linear(0, 1, top + _SQUARE, top, f"true positive rate (share of true {what}s kept)")
    across = Linear(0, 1, *right, f"recall (share of true {what}s kept)")
    up = Linear(0, 1, top + _SQUARE, top, f"precision (share of kept {what}s that are true)")
    items = roc_panel(drawn, x, y, "ROC") + panel(across, up, "Precision against recall")
    items += [_chance(drawn, across, up)] if drawn else []
    for one in reversed(drawn):
        items += _precision(one, across, up)
    key, below = key_items(drawn, top + _SQUARE + _BELOW, (left[0], right[0]))
    height = below + 14
    return Scene(_WIDTH, height, heading.title, (Shape(box(0, 0, _WIDTH, height), fill="paper"), *head, *items, *key))


def roc_panel(drawn: Sequence[Drawn], x: Linear, y: Linear, title: str) -> list[Shape | Text]:
    """Return one panel of TPR against FPR, the first method on top."""
    items = panel(x, y, title)
    items.append(Shape(polyline([(x.begin, y.begin), (x.end, y.end)]), stroke="quiet", width=1.2, dash=(2, 3)))
    for one in reversed(drawn):
        items += _roc(one, x, y)
    return items


def _roc(one: Drawn, x: Linear, y: Linear) -> _Items:
    colour, dash, mark = curve_style(one.place)
    if isinstance(one.roc, RocCurve):
        corners = one.roc.corners()
        places = zip(corners.fpr.tolist(), corners.tpr.tolist(), strict=True)
        return [Shape(polyline((x.at(a), y.at(b)) for a, b in places), stroke=colour, width=2, dash=dash)]
    points = zip(one.roc.settings, one.roc.fpr.tolist(), one.roc.tpr.tolist(), strict=True)
    marks = [_mark(mark, x.at(a), y.at(b), colour, f"{one.label}: {name}") for name, a, b in points]
    if not one.joined:
        return [*marks]
    line = polyline((x.at(a), y.at(b)) for a, b in _corners(one.roc))
    return [Shape(line, stroke=colour, width=1.4, dash=dash), *marks]


def _corners(front: Front) -> list[tuple[float, float]]:
    """The corners of the step function, from (0, 0) to the right end."""
    fpr, tpr = front.steps
    steps = [(0.0, 0.0)]
    for a, b in zip([*fpr.tolist(), 1.0], [*tpr.tolist(), float(tpr[-1])], strict=True):
        for corner in ((a, steps[-1][1]), (a, b)):
            steps += [corner] if corner != steps[-1] else []
    return steps


def _precision(one: Drawn, x: Linear, y: Linear) -> _Items:
    colour, dash, mark = curve_style(one.place)
    known = np.isfinite(one.roc.precision)
    recall, precision = one.roc.recall[known].tolist(), one.roc.precision[known].tolist()
    if isinstance(one.roc, RocCurve):
        places = _thinned([(x.at(a), y.at(b)) for a, b in zip(recall, precision, strict=True)])
        return [Shape(polyline(places), stroke=colour, width=2, dash=dash)]
    return [_mark(mark, x.at(a), y.at(b), colour, one.label) for a, b in zip(recall, precision, strict=True)]


def _thinned(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the places that lie within half a pixel of the last one kept; the last of all is kept."""
    kept = places[:1]
    for place in places[1:-1]:
        if max(abs(place[0] - kept[-1][0]), abs(place[1] - kept[-1][1])) >= 0.5:
            kept.append(place)
    return [*kept, *places[-1:]] if len(places) > 1 else kept


def _chance(drawn: Sequence[Drawn], x: Linear, y: Linear) -> Shape:
    """The share of true entries among all: the precision of a random choice."""
    roc = drawn[0].roc
    level = y.at(roc.positives / (roc.positives + roc.negatives))
    return Shape(polyline([(x.begin, level), (x.end, level)]), stroke="quiet", width=1.2, dash=(2, 3))


def _mark(kind: str, across: float, down: float, colour: str, title: str = "") -> Shape:
    shapes: dict[str, tuple[Command, ...]] = {
        "circle": box(across - _R, down - _R, 2 * _R, 2 * _R, _R),
        "square": box(across - 0.9 * _R, down - 0.9 * _R, 1.8 * _R, 1.8 * _R),
        "diamond": polygon(_around(across, down, [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)])),
        "triangle": polygon(_around(across, down, [(0, -1.2), (1.15, 0.9), (-1.15, 0.9)])),
    }
    return Shape(shapes[kind], fill=colour, stroke="paper", width=1, title=title)


def _around(across: float, down: float, corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(across + _R * dx, down + _R * dy) for dx, dy in corners]


def key_items(drawn: Sequence[Drawn], top: float, columns: tuple[float, float]) -> tuple[list[Shape | Text], float]:
    """Return the key in two columns, a row a method and one for what a random choice does, and where it ends.

    Args:
        drawn: the methods.
        top: where it begins, pixels.
        columns: where its columns begin, pixels.
    """
    items: _Items = []
    half = (len(drawn) + 2) // 2
    for index in range(len(drawn) + 1):
        column, row = divmod(index, half)
        left, middle = columns[column], top + _ROW * row
        line = polyline([(left, middle), (left + 30, middle)])
        if index == len(drawn):
            items.append(Shape(line, stroke="quiet", width=1.2, dash=(2, 3)))
            items.append(Text(left + 38, middle + 4, "a choice at random", 11.5))
            continue
        colour, dash, mark = curve_style(drawn[index].place)
        is_curve = isinstance(drawn[index].roc, RocCurve)
        if is_curve or drawn[index].joined:
            items.append(Shape(line, stroke=colour, width=2 if is_curve else 1.4, dash=dash))
        items += [] if is_curve else [_mark(mark, left + 15, middle, colour)]
        items.append(Text(left + 38, middle + 4, drawn[index].label, 11.5))
    return items, top + _ROW * half
