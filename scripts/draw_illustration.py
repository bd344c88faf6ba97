"""Draw docs/images/edge-patch.svg: what patching one edge is, and how edge attribution patching estimates it.

    python scripts/draw_illustration.py [FILE]

It stands in the place of figures 1 and 2 of the paper (Syed, Rager and Conmy, 2023).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from edgewise.report.picture.scene import Scene, Shape, Text, box, moved, polygon, polyline
from edgewise.report.picture.svg import svg

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "edge-patch.svg"
WIDTH, HEIGHT = 940.0, 484.0
CLEAN, CORRUPTED = "helps", "harms"
Items: TypeAlias = "list[Shape | Text]"

# Middles of the nodes of one run, from the input up.
INPUT, U, W, V, LOGITS = (120.0, 246.0), (60.0, 168.0), (180.0, 168.0), (120.0, 92.0), (120.0, 22.0)


def node(at: tuple[float, float], label: str, colour: str) -> Items:
    """A node with its name."""
    wide = 84.0 if len(label) > 1 else 44.0
    return [
        Shape(box(at[0] - wide / 2, at[1] - 15, wide, 30, 9), fill="node", stroke=colour, width=1.8),
        Text(at[0], at[1] + 4.5, label, 13, "middle", bold=len(label) == 1),
    ]


def arrow(begin: tuple[float, float], end: tuple[float, float], colour: str, width: float = 2.0) -> Items:
    """An edge from the top of one node to the bottom of another."""
    (x0, y0), (x1, y1) = (begin[0], begin[1] - 15), (end[0], end[1] + 17)
    head = 4.0 + width
    across, up = x1 - x0, y1 - y0
    length = (across**2 + up**2) ** 0.5
    ux, uy = across / length, up / length
    foot = (x1 - head * 1.6 * ux, y1 - head * 1.6 * uy)
    left, right = ((foot[0] + side * head * uy, foot[1] - side * head * ux) for side in (1, -1))
    return [
        Shape(polyline([(x0, y0), foot]), stroke=colour, width=width),
        Shape(polygon([(x1, y1), left, right]), fill=colour),
    ]


def run(colour: str, patched: bool = False) -> Items:
    """One run of the model: input, two heads u and w, a head v that reads both, logits."""
    items: Items = []
    for begin, end in ((INPUT, U), (INPUT, W), (W, V), (V, LOGITS)):
        items += arrow(begin, end, colour)
    items += arrow(U, V, CORRUPTED if patched else colour, 4.5 if patched else 2.0)
    # What lies behind u elsewhere is left alone: its other edge keeps the clean value.
    items += arrow((U[0] - 12, U[1]), (LOGITS[0] - 30, LOGITS[1]), colour)
    for at, label in ((INPUT, "input"), (U, "u"), (W, "w"), (V, "v"), (LOGITS, "logits")):
        items += node(at, label, colour)
    return items


def words(x: float, y: float, lines: Sequence[str], size: float = 12.5, colour: str = "ink") -> Items:
    """Lines of text below each other."""
    return [Text(x, y + 19 * number, line, size, colour=colour) for number, line in enumerate(lines)]


def draw() -> Scene:
    """Return the illustration."""
    items: Items = [Shape(box(0, 0, WIDTH, HEIGHT), fill="paper")]
    columns = (30.0, 345.0, 660.0)
    titles = ("1. Clean run", "2. Corrupted run", "3. One edge patched")
    said = (
        ("“When Mary and John went …", "John gave a drink to” → Mary", "metric L(clean); its gradient at v"),
        ("“When Anna and Paul went …", "Lisa gave a drink to” → ?", "every source writes another value o′"),
        (
            "Clean prompt; v alone reads what u wrote",
            "in the corrupted run. All else follows from",
            "that. Effect: L(patched) − L(clean)",
        ),
    )
    for left, title, lines in zip(columns, titles, said, strict=True):
        items.append(Text(left, 34, title, 16, bold=True))
        items += words(left, 60, lines, 12, "quiet")
    for left, colour, patched in zip(columns, (CLEAN, CORRUPTED, CLEAN), (False, False, True), strict=True):
        items += moved(run(colour, patched), left, 118)
    items += [
        Text(columns[0] + 104, 266, "oᵤ", 14, "middle", CLEAN, bold=True),
        Text(columns[1] + 104, 266, "o′ᵤ", 14, "middle", CORRUPTED, bold=True),
        Text(columns[2] + 104, 266, "o′ᵤ", 14, "middle", CORRUPTED, bold=True),
        Text(columns[2] + 36, 226, "oᵤ", 14, "middle", CLEAN, bold=True),
        Text(columns[0] + 150, 214, "∂L/∂inᵥ", 14, "start", CLEAN, bold=True),
    ]
    top = 400.0
    items.append(Shape(box(30, top, WIDTH - 60, 68, 8), fill="band"))
    items.append(Text(46, top + 20, "Exact: a run like 3 for every edge.", 13, bold=True))
    items.append(Text(46, top + 40, "EAP: all edges at once, from 1, 2 and the gradient of 1:", 13, bold=True))
    items.append(Text(46, top + 59, "edge u → v scores (o′ᵤ − oᵤ) · ∂L/∂inᵥ", 13, colour=CORRUPTED, bold=True))
    items.append(Text(384, top + 59, "summed over positions, mean over prompts", 12, colour="quiet"))
    return Scene(WIDTH, HEIGHT, "What patching an edge is, and how EAP estimates it", tuple(items))


def main(arguments: Sequence[str]) -> None:
    """Write the picture."""
    path = Path(arguments[0]) if arguments else OUT
    path.write_text(svg(draw()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
