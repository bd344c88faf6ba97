"""Where the nodes and lines of a picture stand: pure geometry, pixels, y downwards.

A line leaves its node on top, rises straight through every row it passes, in its lane, and bends only between
rows, where no node is. Lines of one lane lie side by side and leave it without crossing each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgewise.report.picture.choice import Choice, DrawnEdge
from edgewise.report.picture.lines import across
from edgewise.report.picture.ordering import crossings_above, order
from edgewise.report.picture.skeleton import (
    KV_WIDTH,
    NODE_WIDTH,
    PORT,
    Element,
    Skeleton,
    kind,
    layer,
    line_width,
    skeleton,
)
from edgewise.report.picture.spacing import spread

BODY, PORTS = 24.0, 12.0
"""Height of a node, and of the inputs below a head; pixels."""
_LEAST_GAP, _MOST_GAP = 28.0, 104.0
_LEAST_BAR = 150.0


@dataclass(frozen=True)
class Node:
    """One node: a box around (x, y) and, for heads, its inputs in a strip below.

    Args:
        name: such as ``"a3.h7"``.
        kind: ``input``, ``logits``, ``head``, ``kv`` or ``mlp``.
        layer: None for `input` and `logits`.
        row: 0 is the bottom.
        x: middle, pixels from the left.
        y: middle of the box, pixels from the top.
        width: pixels.
        ports: letter of each input of a head -> whether an edge drawn enters there.
    """

    name: str
    kind: str
    layer: int | None
    row: int
    x: float
    y: float
    width: float
    ports: Mapping[str, bool]

    @property
    def top(self) -> float:
        """Upper end of the box."""
        return self.y - BODY / 2

    @property
    def bottom(self) -> float:
        """Lower end, the strip of inputs included."""
        return self.y + BODY / 2 + (PORTS if self.ports else 0.0)


@dataclass(frozen=True)
class Line:
    """The way of one edge.

    Args:
        edge: what it stands for.
        width: pixels.
        points: (x, y), from the source's top to the destination's input; a curve runs from the first to the
            second, a straight piece from the second to the third, and so on in turn.
    """

    edge: DrawnEdge
    width: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """A picture's geometry.

    Args:
        nodes: in no particular order.
        lines: one for each edge drawn, in the order of the choice.
        shared: from the top of a key/value head to a head that reads it: two points.
        width: pixels.
        height: pixels.
    """

    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    shared: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    width: float
    height: float


@dataclass(frozen=True)
class _Rows:
    """Heights of the rows' bands: lower and upper end, pixels upwards from the picture's lower end."""

    bottoms: tuple[float, ...]
    tops: tuple[float, ...]


@dataclass(frozen=True)
class _Frame:
    """From the layout's own axes (middle axis, upwards) to the picture's (left edge, downwards)."""

    left: float
    width: float
    rows: _Rows

    @property
    def height(self) -> float:
        return self.rows.tops[-1]

    def y(self, up: float) -> float:
        return self.height - up


def lay_out(choice: Choice) -> Layout:
    """Return the geometry of a picture; the same choice gives the same one."""
    bones = skeleton(choice)
    ordered = order(bones)
    places = spread(bones, ordered)
    xs = across(choice, bones, places)
    rows = _stack(bones, xs, crossings_above(bones, ordered))
    bars = {name: _bar(choice, xs, name) for name in ("input", "logits")}
    left = min([bar[0] for bar in bars.values()] + [at - e.half for e, at in _standing(bones, places)])
    right = max([bar[1] for bar in bars.values()] + [at + e.half for e, at in _standing(bones, places)])
    frame = _Frame(left, right - left, rows)
    return Layout(
        tuple(_node(choice, element, at, bars, frame) for element, at in _standing(bones, places) if element.name),
        tuple(
            Line(edge, line_width(edge), _points([bones.elements[index] for index in path], at, frame))
            for edge, path, at in zip(choice.edges, bones.paths, xs, strict=True)
        ),
        tuple(_link(bones, pair, places, frame) for pair in bones.shared),
        frame.width,
        frame.height,
    )


def _standing(bones: Skeleton, places: Sequence[float]) -> list[tuple[Element, float]]:
    """Every element but the two bars, whose places follow from their lines, with its middle."""
    return list(zip(bones.elements, places, strict=True))


def _stack(bones: Skeleton, xs: Sequence[Sequence[float]], crossed: Sequence[int]) -> _Rows:
    """Pile up the rows; the further lines bend between two of them, and the more cross, the more room."""
    furthest = [0.0] * len(bones.rows)
    for path, along in zip(bones.paths, xs, strict=True):
        first = bones.elements[path[0]].row
        for step, (here, there) in enumerate(pairwise(along)):
            furthest[first + step] = max(furthest[first + step], abs(there - here))
    bottoms, tops, at = [], [], 0.0
    for row, members in enumerate(bones.rows):
        bottoms.append(at)
        at += BODY + PORTS * any(_letters(bones.elements[member].name) for member in members)
        tops.append(at)
        at += min(_MOST_GAP, _LEAST_GAP + 0.14 * furthest[row] + 0.4 * (crossed[row] if row < len(crossed) else 0))
    return _Rows(tuple(bottoms), tuple(tops))


def _letters(name: str) -> str:
    return {"head": "qkv", "kv": "kv"}.get(kind(name), "") if name else ""


def _bar(choice: Choice, xs: Sequence[Sequence[float]], name: str) -> tuple[float, float]:
    """Left and right end of `input` or `logits`."""
    ends = [
        along[0 if name == "input" else -1]
        for edge, along in zip(choice.edges, xs, strict=True)
        if name in (edge.source, edge.destination)
    ]
    low, high = min(ends, default=0.0) - 14, max(ends, default=0.0) + 14
    short = max(0.0, _LEAST_BAR - (high - low)) / 2
    return low - short, high + short


def _node(choice: Choice, element: Element, at: float, bars: Mapping[str, tuple[float, float]], frame: _Frame) -> Node:
    name, what = element.name, kind(element.name)
    low, high = bars.get(name, (at, at))
    width = {"kv": KV_WIDTH, "input": high - low, "logits": high - low}.get(what, NODE_WIDTH)
    letters = "q" if what == "head" and choice.graph.spec.is_grouped else _letters(name)
    fed = {edge.letter for edge in choice.edges if edge.node == name}
    y = frame.y(frame.rows.tops[element.row]) + BODY / 2
    ports = {letter: letter in fed for letter in letters}
    return Node(name, what, layer(name), element.row, (low + high) / 2 - frame.left, y, width, ports)


def _points(path: Sequence[Element], along: Sequence[float], frame: _Frame) -> tuple[tuple[float, float], ...]:
    points: list[tuple[float, float]] = []
    for position, (element, x) in enumerate(zip(path, along, strict=True)):
        bottom, top = frame.rows.bottoms[element.row], frame.rows.tops[element.row]
        if position:
            points.append((x - frame.left, frame.y(bottom)))
        if position < len(path) - 1:
            points.append((x - frame.left, frame.y(top)))
        elif not _letters(element.name) and bottom < top - BODY:
            # an MLP beside heads has no inputs below it: straight up between theirs
            points.append((x - frame.left, frame.y(top - BODY)))
    return tuple(points)


def _link(
    bones: Skeleton, pair: tuple[int, int], places: Sequence[float], frame: _Frame
) -> tuple[tuple[float, float], tuple[float, float]]:
    """From the top of a key/value head to the box of a head that reads it, beside its query input."""
    group, head = pair
    low, high = bones.elements[group].row, bones.elements[head].row
    start = places[group] - frame.left, frame.y(frame.rows.tops[low])
    return start, (places[head] + PORT / 2 - frame.left, frame.y(frame.rows.tops[high] - BODY))
