"""Exact effects against scores as a scene: with signs on even axes, and sizes on axes of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from edgewise.report.picture.axes import Linear, Log, panel
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.scene import Command, Scene, Shape, Text, box, polygon, polyline, text_width

_WIDTH, _SIDE, _BETWEEN, _BELOW = 960.0, 84.0, 96.0, 62.0
_SQUARE = (_WIDTH - 2 * _SIDE - _BETWEEN + 48) / 2
_DECADES = 8
_MOST = 3000
_R = 2.6
_Items: TypeAlias = "list[Shape | Text]"
_Axis: TypeAlias = Log | Linear


@dataclass(frozen=True)
class Dot:
    """One edge or node.

    Args:
        score: as estimated, in units of the metric.
        exact: as measured.
        drawn: whether it was drawn at random; else it was chosen for its score.
        name: for whoever points at it.
        verified: whether its score is its exact effect, which was measured before.
    """

    score: float
    exact: float
    drawn: bool
    name: str
    verified: bool = False


def scatter_scene(dots: Sequence[Dot], fit: tuple[float, float] | None, heading: Heading, what: str) -> Scene:
    """Return the picture.

    Args:
        dots: what was measured.
        fit: slope and intercept of the regression of exact on score; None where there is none.
        heading: what stands above; its metric is the unit.
        what: ``"edge"`` or ``"node"``.
    """
    shown = _fewer(dots)
    said = Heading(heading.title, (*heading.lines, *_notes(dots, shown, what)), heading.metric)
    head, at = heading_items(said, _WIDTH)
    top = at + 44
    height = top + _SQUARE + _BELOW
    items: _Items = [Shape(box(0, 0, _WIDTH, height), fill="paper"), *head, *_key(dots, fit, at, what)]
    unit = f", {heading.metric}" if heading.metric else ""
    left, right = (_SIDE, _SIDE + _SQUARE), (_SIDE + _SQUARE + _BETWEEN, _SIDE + 2 * _SQUARE + _BETWEEN)
    items += _signed(shown, fit, left, top, unit)
    items += _sizes(shown, right, top, unit)
    return Scene(_WIDTH, height, heading.title, tuple(items))


def _signed(
    dots: Sequence[Dot], fit: tuple[float, float] | None, sides: tuple[float, float], top: float, unit: str
) -> _Items:
    values = [value for dot in dots for value in (dot.score, dot.exact)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    room = 0.06 * (high - low) or max(abs(high), 1.0)
    x = Linear(low - room, high + room, *sides, f"score{unit}")
    y = Linear(low - room, high + room, top + _SQUARE, top, f"exact effect{unit}")
    items = panel(x, y, "Exact effect against score")
    items.append(_equal(x, y))
    items += _marks(dots, x, y)
    if fit is not None:
        ends = _across(fit, x.low, x.high)
        items += [_fitted([(x.at(score), y.at(exact)) for score, exact in ends])] if ends else []
    return items


def _sizes(dots: Sequence[Dot], sides: tuple[float, float], top: float, unit: str) -> _Items:
    dots = [replace(dot, score=abs(dot.score), exact=abs(dot.exact)) for dot in dots if dot.score and dot.exact]
    if not dots:
        return []
    high = 10 ** (math.log10(max(max(dot.score, dot.exact) for dot in dots)) + 0.15)
    low = 10 ** (math.log10(min(min(dot.score, dot.exact) for dot in dots)) - 0.15)
    low = max(low, high / 10**_DECADES)
    x, y = Log(low, high, *sides, f"|score|{unit}"), Log(low, high, top + _SQUARE, top, f"|exact effect|{unit}")
    return [*panel(x, y, "Their sizes"), _equal(x, y), *_marks(dots, x, y)]


def _across(fit: tuple[float, float], low: float, high: float) -> list[tuple[float, float]]:
    """Where the fitted line enters and leaves the square; nothing where it passes by."""
    slope, intercept = fit
    begin, end = low, high
    if slope:
        reaches = sorted(((low - intercept) / slope, (high - intercept) / slope))
        begin, end = max(begin, reaches[0]), min(end, reaches[1])
    elif not low <= intercept <= high:
        return []
    return [(score, intercept + slope * score) for score in (begin, end)] if begin < end else []


def _equal(x: _Axis, y: _Axis) -> Shape:
    return Shape(polyline([(x.begin, y.begin), (x.end, y.end)]), stroke="quiet", width=1.2, dash=(4, 3))


def _fitted(points: Sequence[tuple[float, float]]) -> Shape:
    return Shape(polyline(points), stroke="ink", width=1.6)


def _marks(dots: Sequence[Dot], x: _Axis, y: _Axis) -> _Items:
    """Those drawn lie below the others, which are the larger and the fewer."""
    return [
        _mark(x.at(dot.score), y.at(dot.exact), dot.drawn, dot.name, dot.verified)
        for dot in sorted(dots, key=lambda dot: not dot.drawn)
    ]


def _mark(across: float, down: float, drawn: bool, name: str = "", verified: bool = False) -> Shape:
    """Told apart by form as well as colour."""
    if verified:
        return Shape(box(across - _R, down - _R, 2 * _R, 2 * _R), stroke="ink", width=1.0, opacity=0.8, title=name)
    if not drawn:
        return Shape(box(across - _R, down - _R, 2 * _R, 2 * _R, _R), fill="kept", opacity=0.8, title=name)
    return Shape(_diamond(across, down, 1.35 * _R), stroke="harms", width=1.1, opacity=0.9, title=name)


def _diamond(across: float, down: float, r: float) -> tuple[Command, ...]:
    return polygon([(across, down - r), (across + r, down), (across, down + r), (across - r, down)])


def _key(dots: Sequence[Dot], fit: tuple[float, float] | None, at: float, what: str) -> _Items:
    kinds = {dot.drawn for dot in dots if not dot.verified}
    verified = any(dot.verified for dot in dots)
    entries: list[tuple[str, str]] = []
    if False in kinds:
        every = f"the estimated {what}s" if verified else f"all {what}s"
        entries.append(("sure", f"{what}s of largest |score|" if True in kinds else every))
    if True in kinds:
        entries.append(("drawn", "others, drawn at random"))
    if verified:
        entries.append(("verified", "score is exact"))
    entries.append(("equal", "exact = score"))
    if fit is not None:
        slope, intercept = f"{fit[0]:.3g}".replace("-", "−"), f"{abs(fit[1]):.3g}"
        entries.append(("fit", f"regression: exact = {slope} score {'−' if fit[1] < 0 else '+'} {intercept}"))
    items: _Items = []
    left = 24.0
    for kind, words in entries:
        middle = at + 1.5
        line = [(left, middle), (left + 20, middle)]
        if kind in ("sure", "drawn", "verified"):
            items.append(_mark(left + 10, middle, kind == "drawn", verified=kind == "verified"))
        else:
            dashed = Shape(polyline(line), stroke="quiet", width=1.2, dash=(4, 3))
            items.append(_fitted(line) if kind == "fit" else dashed)
        items.append(Text(left + 27, at + 5.5, words, 11))
        left += 27 + text_width(words, 11) + 24
    return items


def _fewer(dots: Sequence[Dot]) -> Sequence[Dot]:
    """All of them where they are few; else the largest half, and of the others as many at even steps."""
    if len(dots) <= _MOST:
        return dots
    ordered = sorted(dots, key=lambda dot: -max(abs(dot.score), abs(dot.exact)))
    half = _MOST // 2
    step = math.ceil((len(dots) - half) / half)
    return [*ordered[:half], *ordered[half::step]]


def _notes(dots: Sequence[Dot], shown: Sequence[Dot], what: str) -> tuple[str, ...]:
    notes = []
    if len(shown) < len(dots):
        notes.append(f"drawn: {len(shown):,} of {len(dots):,} {what}s, the largest and some of the others")
    zero = sum(not (dot.score and dot.exact) for dot in dots)
    if zero:
        some = f"1 {what} is" if zero == 1 else f"{zero:,} {what}s are"
        notes.append(f"{some} not on the right, with a score or an effect of exactly 0")
    return ("; ".join(notes),) if notes else ()
