"""A circuit as a scene: heading, legend, and the layered drawing from `input` up to `logits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgewise.report.picture.choice import Choice
from edgewise.report.picture.glyphs import DASHES, PALE, draw_node, exact_mark
from edgewise.report.picture.layout import Layout, Line, Node, lay_out
from edgewise.report.picture.legend import legend
from edgewise.report.picture.palette import class_colours, score_tint, sign_colour
from edgewise.report.picture.scene import Command, Scene, Shape, Text, box, fitted, moved

_MARGIN, _NAMES = 24.0, 58.0
_LEAST_WIDTH = 720.0


@dataclass(frozen=True)
class Heading:
    """What stands above a picture.

    Args:
        title: one line.
        lines: smaller lines below it.
        metric: name of the metric; empty where there are no scores.
        distance: whether it is lower where the behaviour is kept, so that a positive score helps.
    """

    title: str
    lines: tuple[str, ...] = ()
    metric: str = ""
    distance: bool = False


def circuit_scene(choice: Choice, heading: Heading, classes: Mapping[str, str] | None = None) -> Scene:
    """Return the picture of a circuit.

    Args:
        choice: the edges to draw.
        heading: what stands above it.
        classes: node -> class, of the nodes that have one.
    """
    layout = lay_out(choice)
    width = max(layout.width + 2 * _MARGIN + 2 * _NAMES, _LEAST_WIDTH)
    drawn = {node.name for node in layout.nodes}
    known = {} if choice.node_scores else {name: of for name, of in (classes or {}).items() if name in drawn}
    # Of all classes, drawn or not, so that a class has one colour in all pictures of a task.
    colours = class_colours(tuple(dict.fromkeys((classes or {}).values())))
    keys_of = {of: colours[of] for of in colours if of in known.values()}
    head, at = heading_items(_with_left_out(heading, choice), width)
    keys, tall = legend(choice, keys_of, heading.metric, heading.distance, width - 2 * _MARGIN)
    top = at + tall + 18
    left = (width - layout.width) / 2
    height = top + layout.height + _MARGIN
    items = (
        Shape(box(0, 0, width, height), fill="paper"),
        *moved(_bands(layout, left, width), 0, top),
        *head,
        *moved(keys, _MARGIN, at),
        *moved(_drawing(choice, layout, known, colours, heading.distance), left, top),
    )
    return Scene(width, height, heading.title, items)


def heading_items(heading: Heading, width: float) -> tuple[tuple[Shape | Text, ...], float]:
    """Return a heading's texts, and the height in pixels at which what follows can begin."""
    room = width - 2 * _MARGIN
    items: list[Shape | Text] = [Text(_MARGIN, 38, fitted(_one_line(heading.title), 18, room, True), 18, bold=True)]
    at = 38.0
    for line in heading.lines:
        at += 19
        items.append(Text(_MARGIN, at, fitted(_one_line(line), 12, room), 12, colour="quiet"))
    return tuple(items), at + 14


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _with_left_out(heading: Heading, choice: Choice) -> Heading:
    said = () if choice.edges else ("no edge is kept",)
    if choice.left_out:
        said = (f"drawn: the {len(choice.edges):,} strongest of the circuit's {choice.total:,} edges",)
    return replace(heading, lines=(*heading.lines, *said))


def _bands(layout: Layout, left: float, width: float) -> list[Shape | Text]:
    """A band behind every other layer, and the layer's name at both sides."""
    layers: dict[int, list[Node]] = {}
    for node in layout.nodes:
        if node.layer is not None:
            layers.setdefault(node.layer, []).append(node)
    items: list[Shape | Text] = []
    for number, (layer, nodes) in enumerate(sorted(layers.items())):
        top, bottom = min(node.top for node in nodes) - 9, max(node.bottom for node in nodes) + 9
        if number % 2 == 0:
            items.append(Shape(box(0, top, width, bottom - top), fill="band"))
        middle = (top + bottom) / 2 + 4
        items.append(Text(_MARGIN, middle, f"layer {layer}", 11, colour="quiet"))
    return items


def _drawing(
    choice: Choice, layout: Layout, classes: Mapping[str, str], colours: Mapping[str, str], distance: bool
) -> list[Shape | Text]:
    tints = {name: colours[of] for name, of in classes.items()}
    if choice.node_scores:
        tints = _tints(choice, layout, distance)
    return [
        *(_shared(*link) for link in layout.shared),
        # The strongest lines lie on top, and marks on all of them.
        *(_line(line, distance) for line in sorted(layout.lines, key=lambda line: line.edge.strength)),
        *(
            exact_mark(*_middle(line.points), colour=sign_colour(line.edge.score, distance))
            for line in layout.lines
            if line.edge.verified
        ),
        *(
            item
            for node in layout.nodes
            for item in draw_node(
                node,
                tints.get(node.name, ""),
                _node_title(choice, node.name, classes),
                exact=node.name in (choice.verified_nodes or ()),
            )
        ),
    ]


def _tints(choice: Choice, layout: Layout, distance: bool) -> dict[str, str]:
    drawn = {node.name: choice.node_scores[node.name] for node in layout.nodes if node.name in choice.node_scores}
    largest = (-1.0 if distance else 1.0) * (choice.largest_node or 1.0)
    return {name: score_tint(score / largest) for name, score in drawn.items()}


def _node_title(choice: Choice, name: str, classes: Mapping[str, str]) -> str:
    score = choice.node_scores.get(name)
    exact = None if choice.verified_nodes is None or score is None else name in choice.verified_nodes
    parts = [name, classes.get(name, ""), "" if score is None else f"score {score:.4g}{_said(exact)}"]
    return ", ".join(part for part in parts if part)


def _line(line: Line, distance: bool) -> Shape:
    score = line.edge.score
    return Shape(
        _curve(line.points),
        stroke=sign_colour(score, distance),
        width=line.width,
        dash=DASHES[line.edge.letter],
        opacity=PALE if line.edge.verified is False else 0.85,
        title=line.edge.name if score is None else f"{line.edge.name}  {score:.4g}{_said(line.edge.verified)}",
        role="edge",
    )


def _said(exact: bool | None) -> str:
    """What a pointer is told of a score beside its value."""
    return "" if exact is None else " (exact)" if exact else " (estimate)"


def _middle(points: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """Halfway on a line's first piece, where it is nobody else's."""
    (x, y), (to_x, to_y) = points[:2]
    return (x + to_x) / 2, (y + to_y) / 2


def _curve(points: tuple[tuple[float, float], ...]) -> tuple[Command, ...]:
    """Between rows an S whose ends are upright; through a row a straight piece."""
    commands: list[Command] = [("M", points[0])]
    for index in range(1, len(points)):
        (x, y), (to_x, to_y) = points[index - 1], points[index]
        if index % 2 and abs(to_x - x) > 0.01:
            half = (y + to_y) / 2
            commands.append(("C", (x, half, to_x, half, to_x, to_y)))
        else:
            commands.append(("L", (to_x, to_y)))
    return tuple(commands)


def _shared(start: tuple[float, float], end: tuple[float, float]) -> Shape:
    """From a shared key/value head to a head that reads it: no edge, so thin, grey and dotted."""
    return Shape(_curve((start, end)), stroke="outline", width=1.0, dash=(1.5, 2.5))
