"""How nodes look: heads are rounded, MLPs have corners, shared key/value heads are narrow and double-edged."""

from __future__ import annotations

from edgewise.report.picture.layout import BODY, PORTS, Node
from edgewise.report.picture.palette import ON_TINT, on_tint
from edgewise.report.picture.scene import Shape, Text, box, polygon
from edgewise.report.picture.skeleton import PORT, port_shift

DASHES: dict[str, tuple[float, ...]] = {"q": (7, 3), "k": (2, 2.2), "v": (), "": ()}
"""Line styles by where an edge ends: dashed into queries, dotted into keys, unbroken elsewhere."""

PALE = 0.42
"""Opacity of lines that are estimates, where others are exact."""
_MARK = 3.6


def exact_mark(x: float, y: float, colour: str) -> Shape:
    """Return the mark of an exact effect: a diamond."""
    corners = [(x, y - _MARK), (x + _MARK, y), (x, y + _MARK), (x - _MARK, y)]
    return Shape(polygon(corners), fill=colour, stroke="paper", width=0.9)


def glyph(
    what: str, x: float, y: float, width: float, height: float, fill: str = "", title: str = "", *, exact: bool = False
) -> list[Shape]:
    """Return the outline of a node of a kind around (x, y), heavy where its score is exact."""
    left, top = x - width / 2, y - height / 2
    if what == "mlp":
        cut = height / 4
        right, bottom = left + width, top + height
        shape = polygon(
            [(left + cut, top), (right - cut, top), (right, y), (right - cut, bottom), (left + cut, bottom), (left, y)]
        )
    else:
        shape = box(left, top, width, height, {"head": height / 2, "kv": 3.0}.get(what, 5.0))
    fill = fill or {"mlp": "mlp", "kv": "paper"}.get(what, "node")
    dash = (3.0, 2.0) if what == "kv" else ()
    stroke, heavy = ("ink", 2.4) if exact else ("outline", 1.0)
    return [Shape(shape, fill=fill, stroke=stroke, width=heavy, dash=dash, title=title, role="node")]


def draw_node(node: Node, tint: str = "", title: str = "", *, exact: bool = False) -> list[Shape | Text]:
    """Return a node with its inputs and its label.

    Args:
        node: where it stands.
        tint: ``#rrggbb`` of its class or score; empty for none.
        title: what a pointer over it is told.
        exact: whether its score is an exact effect.
    """
    label = node.name.partition(".")[2] if node.kind == "kv" else node.name
    ink = on_tint(tint) if tint else "ink"
    bar = node.kind in ("input", "logits")
    return [
        *_inputs(node),
        *glyph(node.kind, node.x, node.y, node.width, BODY, tint, title, exact=exact),
        Text(node.x, node.y + 4, label, 12.0 if bar else 11.0, "middle", ink, bold=bar),
    ]


def _inputs(node: Node) -> list[Shape | Text]:
    """Small cells below a head, one for each input; those that no edge drawn enters are faint."""
    if not node.ports:
        return []
    top = node.y + BODY / 2 - 6  # behind the box, so that its rounded corners leave no hole
    xs = [node.x + port_shift(node.name, letter) for letter in node.ports]
    left, right = xs[0] - PORT / 2 + 3, xs[-1] + PORT / 2 - 3
    items: list[Shape | Text] = [
        Shape(box(left, top, right - left, PORTS + 6, 4), fill="paper", stroke="outline", width=0.7)
    ]
    for x, (letter, used) in zip(xs, node.ports.items(), strict=True):
        items.append(Text(x, top + 14.2, letter, 8.5, "middle", "ink" if used else "faint", bold=used))
    return items


__all__ = ["DASHES", "ON_TINT", "PALE", "draw_node", "exact_mark", "glyph"]
