"""Several runs as a scene: faithfulness by size, one line a run, and matrices of how alike they are.

Lines are told apart by colour, by dashes and by the form of their marks, and numbered as the rows of the matrices. The
colours are the "bright" scheme of Paul Tol's notes, made for all common kinds of colour blindness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgewise.report.picture.axes import Linear, Log, panel
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.palette import on_tint, score_tint
from edgewise.report.picture.scene import Command, Scene, Shape, Text, box, fitted, polygon, polyline

_WIDTH, _LEFT, _PLOT, _HIGH = 960.0, 84.0, 520.0, 482.0
_SQUARES, _SIDE, _APART = 684.0, 210.0, 62.0
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#66ccee", "#ccbb44")
_DASHES: tuple[tuple[float, ...], ...] = ((), (7, 3), (2, 2.5), (9, 3, 2, 3))
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Line:
    """One run, or random rankings.

    Args:
        words: for the legend.
        points: share of the edges kept, above 0, and faithfulness.
        own: those of the run's own circuit; None for random rankings, or where there is none.
    """

    words: str
    points: tuple[tuple[float, float], ...]
    own: tuple[float, float] | None = None


@dataclass(frozen=True)
class Square:
    """A matrix of numbers from -1 to 1, None where there is none."""

    title: str
    rows: Sequence[Sequence[float | None]]


def comparison_scene(lines: Sequence[Line], squares: Sequence[Square], heading: Heading) -> Scene:
    """Return the picture.

    Args:
        lines: of the runs in the order of the matrices; one more is that of random rankings.
        squares: the matrices.
        heading: what stands above.
    """
    head, at = heading_items(heading, _WIDTH)
    n_runs = len(squares[0].rows)
    key = [item for number, line in enumerate(lines) for item in _key(line, number, n_runs, at + 6 + 18 * number)]
    top = at + 18 * len(lines) + 44
    height = top + max(_HIGH, len(squares) * (_SIDE + _APART)) + 58
    items: _Items = [Shape(box(0, 0, _WIDTH, height), fill="paper"), *head, *key, *_faithfulness(lines, n_runs, top)]
    for number, square in enumerate(squares):
        items += _matrix(square, _SQUARES, top + number * (_SIDE + _APART))
    return Scene(_WIDTH, height, heading.title, tuple(items))


def _faithfulness(lines: Sequence[Line], n_runs: int, top: float) -> _Items:
    every = [point for line in lines for point in (*line.points, *([line.own] if line.own else []))]
    x = Log(0.8 * min((share for share, _ in every), default=0.001), 1.1, _LEFT, _LEFT + _PLOT, "share of edges kept")
    values = [0.0, 1.0, *(value for _, value in every)]
    # A few circuits far off must not press all others together.
    low, high = max(min(values), -1.0), min(max(values), 2.0)
    y = Linear(low - 0.05, high + 0.05, top + _HIGH, top, "faithfulness")
    items = panel(x, y, "Faithfulness by size; ringed: the run's own circuit")
    for number in reversed(range(len(lines))):
        places = [(x.at(share), y.at(value)) for share, value in lines[number].points]
        items += [_stroke(places, number, n_runs)] if len(places) > 1 else []
        items += [_mark(*place, number, n_runs) for place in places]
    for number, line in enumerate(lines):
        if line.own is not None:
            place = x.at(line.own[0]), y.at(line.own[1])
            ring = Shape(box(place[0] - 8, place[1] - 8, 16, 16, 8), stroke="ink", width=1.4, title=line.words)
            items += [_mark(*place, number, n_runs), ring]
    return items


def _key(line: Line, number: int, n_runs: int, at: float) -> _Items:
    words = fitted(" ".join(line.words.split()), 11, _WIDTH - 90)
    stroke = [_stroke([(24, at), (54, at)], number, n_runs)] if len(line.points) > 1 else []
    return [*stroke, _mark(39, at, number, n_runs), Text(64, at + 4, words, 11)]


def _colour(number: int, n_runs: int) -> str:
    return "quiet" if number >= n_runs else _COLOURS[number % len(_COLOURS)]


def _stroke(places: Sequence[tuple[float, float]], number: int, n_runs: int) -> Shape:
    dash = (1.5, 3.0) if number >= n_runs else _DASHES[number % len(_DASHES)]
    return Shape(polyline(places), stroke=_colour(number, n_runs), width=2.0, dash=dash)


def _mark(across: float, down: float, number: int, n_runs: int) -> Shape:
    r = 3.8
    forms: tuple[tuple[Command, ...], ...] = (
        box(across - r, down - r, 2 * r, 2 * r, r),
        box(across - r, down - r, 2 * r, 2 * r),
        polygon(
            [(across, down - 1.3 * r), (across + 1.3 * r, down), (across, down + 1.3 * r), (across - 1.3 * r, down)]
        ),
        polygon([(across, down - 1.2 * r), (across + 1.2 * r, down + r), (across - 1.2 * r, down + r)]),
        polygon([(across, down + 1.2 * r), (across + 1.2 * r, down - r), (across - 1.2 * r, down - r)]),
    )
    return Shape(forms[number % len(forms)], fill=_colour(number, n_runs))


def _matrix(square: Square, left: float, top: float) -> _Items:
    n = len(square.rows)
    cell = _SIDE / n
    # Four signs, the widest being "−.12", with a little room at their sides.
    size = min(11.0, (cell - 3) / 2.5)
    items: _Items = [Text(left, top - 14, square.title, 13, bold=True)]
    for row, values in enumerate(square.rows):
        middle = top + (row + 0.5) * cell
        items.append(Text(left - 9, middle + 4, str(row + 1), 10.5, "end", "quiet"))
        items.append(Text(left + (row + 0.5) * cell, top + _SIDE + 15, str(row + 1), 10.5, "middle", "quiet"))
        for column, value in enumerate(values):
            tint = "paper" if value is None else score_tint(-value)
            place = left + column * cell
            items.append(Shape(box(place, top + row * cell, cell, cell), fill=tint, stroke="rule", width=1))
            words, ink = ("–", "quiet") if value is None else (_two(value), on_tint(tint))
            items.append(Text(place + cell / 2, middle + size / 3, words, size, "middle", ink))
    return items


def _two(value: float) -> str:
    """Two digits after the point and none before it, where there is room for no more."""
    words = f"{abs(value):.2f}".removeprefix("0")
    return "1" if words == "1.00" and value > 0 else f"{'−' if value < 0 and words != '.00' else ''}{words}"
