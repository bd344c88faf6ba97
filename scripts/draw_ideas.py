"""Draw what docs/ideas.md explains: docs/images/stream.svg and curves.svg.

python scripts/draw_ideas.py
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, tanh
from pathlib import Path

from draw_illustration import CLEAN, CORRUPTED, Items, words

from edgewise.report.picture.scene import Scene, Shape, Text, box, moved, polyline
from edgewise.report.picture.svg import svg

IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
STREAM_WIDTH, STREAM_HEIGHT = 940.0, 300.0
CURVES_WIDTH, CURVES_HEIGHT = 940.0, 320.0
PANEL = 240.0


def stream() -> Scene:
    """One layer with two heads and an MLP: what writes to the residual stream above it, what reads from it below it."""
    items: Items = [Shape(box(0, 0, STREAM_WIDTH, STREAM_HEIGHT), fill="paper")]
    items += [Shape(polyline([(40, 150), (880, 150)]), stroke="quiet", width=5)]
    items += [Text(40, 138, "residual stream", 12.5, colour="quiet")]
    writes = {190.0: "input", 430.0: "a0.h0", 520.0: "a0.h1", 740.0: "m0"}
    reads = {300.0: "a0.h0<q>", 390.0: "a0.h0<k>", 480.0: "a0.h0<v>", 640.0: "m0", 840.0: "logits"}
    for x, name in writes.items():
        items += [*_named(x, 64, name, CORRUPTED), Shape(polyline([(x, 79), (x, 147)]), stroke=CORRUPTED, width=2)]
    for x, name in reads.items():
        items += [Shape(polyline([(x, 153), (x, 221)]), stroke=CLEAN, width=2), *_named(x, 236, name, CLEAN)]
    items += [Text(570, 241, "…", 16, "middle")]
    items += [Text(40, 30, "sources write", 14, bold=True, colour=CORRUPTED)]
    items += [Text(40, 282, "destinations read the sum of all that was written before", 14, bold=True, colour=CLEAN)]
    return Scene(
        STREAM_WIDTH, STREAM_HEIGHT, "Sources write to the residual stream, destinations read it", tuple(items)
    )


def _named(x: float, y: float, name: str, colour: str) -> Items:
    wide = 26.0 + 7.0 * len(name)
    return [
        Shape(box(x - wide / 2, y - 15, wide, 30, 9), fill="node", stroke=colour, width=1.8),
        Text(x, y + 4.5, name, 12.5, "middle"),
    ]


def curves() -> Scene:
    """The metric while one edge's value moves from clean to corrupted: three shapes, the tangent and the true end."""
    items: Items = [Shape(box(0, 0, CURVES_WIDTH, CURVES_HEIGHT), fill="paper")]
    panels: tuple[tuple[str, Callable[[float], float], tuple[str, str]], ...] = (
        (
            "A small change",
            lambda t: 0.30 * t + 0.08 * t * t,
            ("the tangent is right:", "nearly all edges are like this"),
        ),
        (
            "Saturated",
            lambda t: 0.5 + 0.5 * tanh(9 * (t - 0.65)),
            ("no slope where it begins:", "EAP says that nothing happens"),
        ),
        ("It turns round", lambda t: 3.2 * t * exp(-4.2 * t), ("steep where it begins:", "EAP says far too much")),
    )
    for number, (title, curve, lines) in enumerate(panels):
        items += moved(_panel(title, curve, lines), 40 + 305 * number, 0)
    return Scene(
        CURVES_WIDTH, CURVES_HEIGHT, "Where a tangent is near to the effect, and where it is not", tuple(items)
    )


def _panel(title: str, curve: Callable[[float], float], lines: tuple[str, str]) -> Items:
    def place(t: float, value: float) -> tuple[float, float]:
        return (PANEL * t, 240.0 - 150.0 * min(value, 1.15))

    slope = (curve(1e-4) - curve(0.0)) / 1e-4
    end = min(1.0, 1.1 / slope) if slope > 0 else 1.0
    start = curve(0.0)
    steps = [place(t / 60, curve(t / 60)) for t in range(61)]
    return [
        Text(0, 30, title, 15, bold=True),
        *words(0, 50, lines, 12, "quiet"),
        Shape(polyline([(0, 240), (PANEL, 240)]), stroke="quiet", width=1),
        Shape(polyline(steps), stroke=CLEAN, width=2.5),
        Shape(polyline([place(0, start), place(end, start + slope * end)]), stroke=CORRUPTED, width=2, dash=(6, 4)),
        Shape(polyline([place(0, start), place(1, curve(1.0))]), stroke="quiet", width=1.5, dash=(2, 3)),
        Text(0, 260, "clean", 12, colour="quiet"),
        Text(PANEL, 260, "corrupted", 12, "end", colour="quiet"),
        Text(0, 286, "metric", 12, bold=True, colour=CLEAN),
        Text(62, 286, "tangent (EAP)", 12, bold=True, colour=CORRUPTED),
        Text(160, 286, "secant", 12, bold=True, colour="quiet"),
    ]


if __name__ == "__main__":
    for name, scene in (("stream", stream()), ("curves", curves())):
        (IMAGES / f"{name}.svg").write_text(svg(scene), encoding="utf-8")
