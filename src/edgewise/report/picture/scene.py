"""A picture as plain shapes: paths and texts in pixels, y downwards, colours by name.

Colours are names of `palette` (so that a page can show them light or dark) or ``#rrggbb``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Command: TypeAlias = tuple[str, tuple[float, ...]]
"""A letter of SVG's path language and its absolute coordinates: M x y, L x y, C x1 y1 x2 y2 x y, Z."""


@dataclass(frozen=True)
class Shape:
    """A filled or stroked path.

    Args:
        commands: in SVG's path language.
        fill: colour; empty for none.
        stroke: colour; empty for none.
        width: of the stroke, pixels.
        dash: lengths of strokes and gaps, pixels; empty for an unbroken line.
        opacity: 0 to 1.
        title: what a pointer over it is told.
        role: groups shapes in the SVG: ``edge``, ``node`` or empty.
    """

    commands: tuple[Command, ...]
    fill: str = ""
    stroke: str = ""
    width: float = 1.0
    dash: tuple[float, ...] = ()
    opacity: float = 1.0
    title: str = ""
    role: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text.

    Args:
        x: pixels; of the start, middle or end of the text, as `anchor` says.
        y: of its base line, pixels.
        text: as it is shown.
        size: of the font, pixels.
        anchor: start, middle or end.
        colour: of the letters.
        bold: heavier letters.
        turned: reads upwards.
    """

    x: float
    y: float
    text: str
    size: float = 11.0
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = "ink"
    bold: bool = False
    turned: bool = False


@dataclass(frozen=True)
class Scene:
    """Shapes and texts, painted in order.

    Args:
        width: pixels.
        height: pixels.
        title: what it shows, in a few words.
        items: shapes and texts, the lowest first.
    """

    width: float
    height: float
    title: str
    items: tuple[Shape | Text, ...] = field(repr=False)


def box(x: float, y: float, width: float, height: float, radius: float = 0.0) -> tuple[Command, ...]:
    """Return a rectangle, its corners rounded by `radius` pixels."""
    right, bottom, r = x + width, y + height, min(radius, width / 2, height / 2)
    if r <= 0:
        corners = ((x, y), (right, y), (right, bottom), (x, bottom))
        return polygon(corners)
    k = 0.4477 * r  # how far a quarter circle's control point stands from the corner
    return (
        ("M", (x + r, y)),
        ("L", (right - r, y)),
        ("C", (right - k, y, right, y + k, right, y + r)),
        ("L", (right, bottom - r)),
        ("C", (right, bottom - k, right - k, bottom, right - r, bottom)),
        ("L", (x + r, bottom)),
        ("C", (x + k, bottom, x, bottom - k, x, bottom - r)),
        ("L", (x, y + r)),
        ("C", (x, y + k, x + k, y, x + r, y)),
        ("Z", ()),
    )


def polygon(corners: Iterable[tuple[float, float]]) -> tuple[Command, ...]:
    """Return a closed path through corners."""
    return (*polyline(corners), ("Z", ()))


def polyline(points: Iterable[tuple[float, float]]) -> tuple[Command, ...]:
    """Return an open path through points."""
    return tuple(("L" if index else "M", point) for index, point in enumerate(points))


def moved(items: Iterable[Shape | Text], dx: float, dy: float) -> tuple[Shape | Text, ...]:
    """Return the items elsewhere."""
    return tuple(_moved(item, dx, dy) for item in items)


def _moved(item: Shape | Text, dx: float, dy: float) -> Shape | Text:
    if isinstance(item, Text):
        return replace(item, x=item.x + dx, y=item.y + dy)
    shift = (dx, dy)
    commands = tuple(
        (letter, tuple(value + shift[index % 2] for index, value in enumerate(numbers)))
        for letter, numbers in item.commands
    )
    return replace(item, commands=commands)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return about how wide a text is in pixels: as in DejaVu Sans, the widest of the fonts we name."""
    return size * sum(_advance(letter) for letter in text) * (1.1 if bold else 1.0)


def wrapped(text: str, size: float, room: float) -> tuple[str, ...]:
    """Return the text in lines of at most `room` pixels, broken at spaces; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines)


def fitted(text: str, size: float, room: float, bold: bool = False) -> str:
    """Return the text, its middle replaced by an ellipsis where it would be wider than `room` pixels."""
    if text_width(text, size, bold) <= room:
        return text
    keep = len(text)
    while keep > 2 and text_width(_cut(text, keep), size, bold) > room:
        keep -= 1
    return _cut(text, keep)


def _cut(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"


def _advance(letter: str) -> float:
    if letter in "iljtfrI.,:;'|!()[]/ ·":
        return 0.36
    if letter in "mwMW@%…—→":
        return 0.98
    return 0.69 if letter.isupper() else 0.63 if ord(letter) < 0x2000 else 1.0
