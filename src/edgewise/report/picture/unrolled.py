"""A circuit unrolled over the prompt: a column for each place, `input` at the bottom and `logits` on top.

A node stands in the column where it writes, or reads. An edge stays in its column, but where it leads into a key or
value that is kept apart by reader: then it crosses from where its source wrote to where the head reads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgewise.graph import Circuit, EdgeScores, Graph
from edgewise.report.picture.bows import Line, clear
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.legend import legend_of_lines
from edgewise.report.picture.palette import sign_colour
from edgewise.report.picture.scene import Scene, Shape, Text, box, fitted, moved
from edgewise.report.picture.skeleton import THICKEST, THINNEST

MOST_EDGES = 100
_MARGIN, _NAMES, _ROW, _NODE, _TALL, _GAP = 24.0, 58.0, 54.0, 34.0, 20.0, 8.0
# Beside the nodes of a column, for lines that bow around some of them.
_BESIDE, _LEAST_COLUMN, _LEAST_WIDTH = 12.0, 70.0, 680.0


@dataclass(frozen=True)
class Crossing:
    """One edge as it is drawn.

    Args:
        name: such as ``"a0.h1->a3.h7<k>@S1->END"``.
        start: its source, and the number of the column where that writes.
        end: the node that it enters, and the number of the column where that reads.
        score: in units of the metric; None where there is none.
        strength: |score| over the largest one drawn.
    """

    name: str
    start: tuple[str, int]
    end: tuple[str, int]
    score: float | None
    strength: float


def crossings(circuit: Circuit, scores: EdgeScores | None, top: int = MOST_EDGES) -> tuple[Crossing, ...]:
    """The strongest edges of a circuit by place, the weakest first; ties in the graph's order."""
    graph = circuit.graph
    sizes = np.zeros(graph.mask.shape) if scores is None else np.nan_to_num(np.abs(scores.values))
    kept = np.argwhere(circuit.mask)
    best = kept[np.argsort(-sizes[circuit.mask], kind="stable")[:top]][::-1].tolist()
    largest = max((float(sizes[tuple(at)]) for at in best), default=0.0) or 1.0
    return tuple(_crossing(graph, scores, tuple(at), float(sizes[tuple(at)]) / largest) for at in best)


def _crossing(graph: Graph, scores: EdgeScores | None, at: tuple[int, ...], strength: float) -> Crossing:
    score = None if scores is None or np.isnan(scores.values[at]) else float(scores.values[at])
    node = graph.destinations[at[1]].partition("<")[0]
    return Crossing(graph.edge_name(*at), (graph.sources[at[0]], at[2]), (node, at[-1]), score, strength)


def unrolled_scene(
    circuit: Circuit,
    scores: EdgeScores | None,
    heading: Heading,
    words: Mapping[str, str] | None = None,
    top: int = MOST_EDGES,
) -> Scene:
    """Return the picture of a circuit by place.

    Args:
        circuit: edges at places.
        scores: of its graph; lines are as wide as they are large.
        heading: what stands above it.
        words: place -> what stands there in an example prompt.
        top: number of edges at most, the strongest.
    """
    edges = crossings(circuit, scores, top)
    left_out = circuit.n_edges - len(edges)
    if left_out > 0 or not edges:
        said = f"the {len(edges):,} strongest; {left_out:,} more are not drawn" if edges else "no edge is kept"
        heading = replace(heading, lines=(*heading.lines, said))
    sheet = _Sheet.of(edges, circuit.graph)
    width = max(sheet.width + 2 * _MARGIN, _LEAST_WIDTH)
    head, at = heading_items(heading, width)
    largest = max((abs(edge.score) for edge in edges if edge.score), default=0.0)
    estimated = scores is not None and scores.verified is None
    keys, tall = legend_of_lines(largest, estimated, heading.metric, heading.distance, width - 2 * _MARGIN)
    head, at = (*head, *moved(keys, _MARGIN, at)), at + tall
    bottom = at + 46 + _ROW * len(sheet.rows)
    items = [
        Shape(box(0, 0, width, bottom + _MARGIN), fill="paper"),
        *head,
        *_columns(sheet, circuit.graph, words or {}, at, bottom),
        *(_drawn(*both, heading.distance) for both in zip(edges, sheet.lines(edges, bottom, width), strict=True)),
        *(item for node in sheet.across for item in _node(node, sheet, bottom)),
    ]
    return Scene(width, bottom + _MARGIN, heading.title, tuple(items))


@dataclass(frozen=True)
class _Sheet:
    """Where everything stands.

    Args:
        rows: what is beside each row, from the bottom up, and its number.
        columns: number of each column that is drawn, with its left edge and its width.
        across: node and column -> the middle of its box.
    """

    rows: Mapping[tuple[float, str], int]
    columns: Mapping[int, tuple[float, float]]
    across: Mapping[tuple[str, int], float]

    @classmethod
    def of(cls, edges: Sequence[Crossing], graph: Graph) -> _Sheet:
        """Rows and columns that have a node, as wide as their fullest row."""
        ends = dict.fromkeys(end for edge in edges for end in (edge.start, edge.end))
        cells: dict[tuple[int, tuple[float, str]], list[str]] = defaultdict(list)
        for node, column in sorted(ends, key=lambda end: (end[1], _order(end[0]))):
            cells[column, _row(node, graph)].append(node)
        rows = {row: number for number, row in enumerate(sorted({row for _, row in cells}))}
        left, columns = _MARGIN + _NAMES, dict[int, tuple[float, float]]()
        across: dict[tuple[str, int], float] = {}
        for column in sorted({column for column, _ in cells}):
            mine = {row: nodes for (other, row), nodes in cells.items() if other == column}
            most = max(map(len, mine.values()))
            room = max(_LEAST_COLUMN, most * (_NODE + _GAP) + 2 * _BESIDE)
            columns[column] = (left, room)
            for nodes in mine.values():
                first = left + room / 2 - (len(nodes) - 1) * (_NODE + _GAP) / 2
                across |= {(node, column): first + at * (_NODE + _GAP) for at, node in enumerate(nodes)}
            left += room
        return cls(rows, columns, across)

    @property
    def width(self) -> float:
        """Of all columns, with the names beside them."""
        return sum(room for _, room in self.columns.values()) + _NAMES

    def middle(self, end: tuple[str, int], bottom: float) -> tuple[float, float]:
        """Of a node's box."""
        number = next(number for (_, kind), number in self.rows.items() if kind == _kind(end[0]))
        return self.across[end], bottom - _ROW * (number + 0.5)

    def lines(self, edges: Sequence[Crossing], bottom: float, width: float) -> list[Line]:
        """Of edges, past the boxes of other nodes, in a picture so wide."""
        numbers = {end: number for number, end in enumerate(self.across)}
        boxes = [self.middle(end, bottom) for end in self.across]
        joined = [(numbers[edge.start], numbers[edge.end]) for edge in edges]
        return clear(joined, boxes, (_NODE, _TALL), (_MARGIN + _NAMES / 2, width - _MARGIN / 2))


def _kind(node: str) -> str:
    """What a row is called: a layer's heads, its MLP, `input` or `logits`."""
    return node if node in ("input", "logits") or node[0] == "m" else node.partition(".")[0]


def _row(node: str, graph: Graph) -> tuple[float, str]:
    if node == "input":
        return -1.0, node
    if node == "logits":
        return float(graph.spec.n_layers), node
    kind = _kind(node)
    return int(kind[1:]) + (0.5 if kind[0] == "m" else 0.0), kind


def _order(node: str) -> tuple[str, int]:
    name, _, number = node.partition(".")
    return name, int(number.lstrip("hkv") or 0) if number else 0


def _columns(sheet: _Sheet, graph: Graph, words: Mapping[str, str], top: float, bottom: float) -> list[Shape | Text]:
    """The grid, with the names of places above and of rows beside it."""
    items: list[Shape | Text] = []
    for number, (column, (left, room)) in enumerate(sheet.columns.items()):
        if number % 2 == 0:
            items.append(Shape(box(left, top + 6, room, bottom - top - 6), fill="band"))
        name, middle = graph.places[column], left + room / 2
        items.append(Text(middle, top + 22, fitted(name, 12, room - 4, True), 12, "middle", bold=True))
        items.append(Text(middle, top + 37, fitted(words.get(name, ""), 10.5, room - 4), 10.5, "middle", "quiet"))
    for (_, kind), number in sheet.rows.items():
        at = bottom - _ROW * (number + 0.5)
        items.append(Text(_MARGIN, at + 4, kind, 11, colour="quiet"))
        items.append(
            Shape((("M", (_MARGIN, at + _ROW / 2)), ("L", (_MARGIN + sheet.width, at + _ROW / 2))), stroke="rule")
        )
    return items


def _drawn(edge: Crossing, line: Line, distance: bool) -> Shape:
    colour = sign_colour(edge.score, distance)
    said = edge.name if edge.score is None else f"{edge.name}  {edge.score:.4g}"
    first, second = line.handles
    path = (("M", line.start), ("C", (*first, *second, *line.end)))
    return Shape(
        path,
        stroke=colour,
        width=THINNEST + (THICKEST - THINNEST) * edge.strength,
        opacity=0.75,
        title=said,
        role="edge",
    )


def _node(node: tuple[str, int], sheet: _Sheet, bottom: float) -> tuple[Shape, Text]:
    x, y = sheet.middle(node, bottom)
    name = node[0].partition(".")[2] or node[0]
    frame = box(x - _NODE / 2, y - _TALL / 2, _NODE, _TALL, 5)
    fill = "mlp" if node[0][0] == "m" else "node"
    return Shape(frame, fill=fill, stroke="outline", title=node[0], role="node"), Text(x, y + 4, name, 10.5, "middle")
