"""What stands in which row of a picture, before anything has a place in its row.

1. Every node of the circuit stands in a row: `input` at the bottom, then for each layer the key/value heads
   (where they are shared), the heads and the MLP, and `logits` on top. In a parallel block the MLP stands
   beside the heads, for neither reads the other. Rows without a node are left out.
2. An edge that skips rows gets a lane in each of them. All edges of one node share its lanes and leave them
   where they end; each node that `input` feeds has lanes of its own, since `input` is as wide as the picture.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgewise.graph import GraphSpec
from edgewise.report.picture.choice import Choice, DrawnEdge

NODE_WIDTH, KV_WIDTH, PORT = 54.0, 40.0, 18.0
"""Width of heads and MLPs, of shared key/value heads, and distance of a head's inputs; pixels."""
_NODE_GAP, _LANE_GAP, LINE_GAP = 9.0, 5.0, 2.2
THINNEST, THICKEST = 0.9, 6.5
"""Width of the weakest and of the strongest edge; pixels."""


@dataclass(frozen=True)
class Element:
    """A node in its row, or a node's lane through a row.

    Args:
        row: 0 is the bottom.
        name: of the node; empty for a lane.
        half: half of the width it needs, pixels.
    """

    row: int
    name: str
    half: float


@dataclass(frozen=True)
class Joint:
    """Two elements of neighbouring rows with lines between them.

    Args:
        lower: number of the element below.
        upper: number of the element above.
        shift: where the lines enter, from the middle of the upper element; pixels.
        pull: how much it matters that the two stand above each other.
        count: number of lines.
    """

    lower: int
    upper: int
    shift: float
    pull: float
    count: int


@dataclass(frozen=True)
class Skeleton:
    """Elements, joints and the way of every edge.

    Args:
        elements: in no particular order of places.
        rows: numbers of the elements in each row, bottom first.
        joints: from row to row; those that end at `input` or `logits`, which are as wide as need be, are left out.
        paths: for every edge drawn, the elements it goes through, both ends included.
        shared: pairs of a key/value head and a head that reads it.
    """

    elements: tuple[Element, ...]
    rows: tuple[tuple[int, ...], ...]
    joints: tuple[Joint, ...]
    paths: tuple[tuple[int, ...], ...]
    shared: tuple[tuple[int, int], ...]


def line_width(edge: DrawnEdge) -> float:
    """Return the width of an edge's line in pixels: grows with |score| in a straight line."""
    return THINNEST + (THICKEST - THINNEST) * edge.strength


def kind(name: str) -> str:
    """Return what a node is: ``input``, ``logits``, ``mlp``, ``kv`` (a shared key/value head) or ``head``."""
    if name in ("input", "logits"):
        return name
    return "mlp" if name[0] == "m" else "kv" if ".kv" in name else "head"


def layer(name: str) -> int | None:
    """Return the layer of a head or an MLP; None for `input` and `logits`."""
    return None if name in ("input", "logits") else int(name[1:].partition(".")[0])


def port_shift(name: str, letter: str) -> float:
    """Return where q, k and v enter a node, from its middle; pixels."""
    if kind(name) == "kv":
        return {"k": -PORT / 2, "v": PORT / 2}[letter]
    return {"q": -PORT, "k": 0.0, "v": PORT, "": 0.0}[letter]


def skeleton(choice: Choice) -> Skeleton:
    """Return the elements, joints and paths of a picture."""
    shared = _shared(choice)
    row_of = _rows(choice, shared)
    loads = _lane_loads(choice, row_of)
    elements = [Element(row, name, _node_half(name)) for name, row in row_of.items()]
    number = {element.name: index for index, element in enumerate(elements)}
    lanes = {place: len(elements) + index for index, place in enumerate(sorted(loads))}
    elements += [Element(row, "", _lane_half(loads[chain, row])) for chain, row in lanes]
    paths = tuple(
        (
            number[edge.source],
            *(lanes[_chain(edge), row] for row in range(row_of[edge.source] + 1, row_of[edge.node])),
            number[edge.node],
        )
        for edge in choice.edges
    )
    pairs = tuple((number[group], number[head]) for group, head in shared)
    rows = tuple(
        tuple(index for index, element in enumerate(elements) if element.row == row)
        for row in range(max(row_of.values()) + 1)
    )
    return Skeleton(tuple(elements), rows, _joints(choice, elements, paths, pairs), paths, pairs)


def _chain(edge: DrawnEdge) -> str:
    """Edges of one chain share their lanes."""
    return f"input {edge.node}" if edge.source == "input" else edge.source


def _shared(choice: Choice) -> tuple[tuple[str, str], ...]:
    """Key/value heads that are fed, each with the heads of its group that have an edge of their own."""
    own = {edge.source for edge in choice.edges} | {edge.node for edge in choice.edges}
    groups = sorted({edge.node for edge in choice.edges if kind(edge.node) == "kv"}, key=_in_graph_order)
    size = choice.graph.spec.group_size
    pairs = []
    for group in groups:
        at, _, number = group.partition(".kv")
        heads = [f"{at}.h{int(number) * size + member}" for member in range(size)]
        pairs += [(group, head) for head in heads if head in own]
    return tuple(pairs)


def _rows(choice: Choice, shared: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """Every node that is drawn with its row, in the order of rows, rows without a node left out."""
    ends = {name for edge in choice.edges for name in (edge.source, edge.node)}
    names = sorted(ends | {"input", "logits"} | {head for _, head in shared}, key=_in_graph_order)
    level = {name: _level(name, choice.graph.spec) for name in names}
    used = {wanted: row for row, wanted in enumerate(sorted(set(level.values())))}
    return {name: used[level[name]] for name in names}


def _level(name: str, spec: GraphSpec) -> int:
    at = layer(name)
    if at is None:
        return 0 if name == "input" else 1 + 3 * spec.n_layers
    step = {"kv": 0, "head": 1, "mlp": 1 if spec.parallel else 2}[kind(name)]
    return 1 + 3 * at + step


def _in_graph_order(name: str) -> tuple[int, int, int]:
    at = layer(name)
    if at is None:
        return (-1, 0, 0) if name == "input" else (10**9, 0, 0)
    rank = {"kv": 0, "head": 1, "mlp": 2}[kind(name)]
    digits = "".join(letter for letter in name.partition(".")[2] if letter.isdigit())
    return (at, rank, int(digits or 0))


def _node_half(name: str) -> float:
    return (KV_WIDTH if kind(name) == "kv" else NODE_WIDTH) / 2 + _NODE_GAP


def _lane_loads(choice: Choice, row_of: Mapping[str, int]) -> dict[tuple[str, int], list[DrawnEdge]]:
    """The edges that go through each lane."""
    loads: dict[tuple[str, int], list[DrawnEdge]] = defaultdict(list)
    for edge in choice.edges:
        for row in range(row_of[edge.source] + 1, row_of[edge.node]):
            loads[_chain(edge), row].append(edge)
    return loads


def bundle_width(edges: Iterable[DrawnEdge]) -> float:
    """Return the width of lines side by side, pixels."""
    widths = [line_width(edge) for edge in edges]
    return sum(widths) + LINE_GAP * max(len(widths) - 1, 0)


def _lane_half(edges: Iterable[DrawnEdge]) -> float:
    return bundle_width(edges) / 2 + _LANE_GAP


def _joints(
    choice: Choice,
    elements: Sequence[Element],
    paths: Iterable[tuple[int, ...]],
    pairs: Iterable[tuple[int, int]],
) -> tuple[Joint, ...]:
    counts: dict[tuple[int, int, float], int] = defaultdict(int)
    for edge, path in zip(choice.edges, paths, strict=True):
        for lower, upper in pairwise(path):
            if {elements[lower].name, elements[upper].name} & {"input", "logits"}:
                continue
            shift = port_shift(edge.node, edge.letter) if elements[upper].name else 0.0
            counts[lower, upper, shift] += 1
    for pair in pairs:
        counts[pair[0], pair[1], 0.0] += 1
    return tuple(
        Joint(lower, upper, shift, _pull(elements[lower], elements[upper], count), count)
        for (lower, upper, shift), count in sorted(counts.items())
    )


def _pull(lower: Element, upper: Element, count: int) -> float:
    """Long lines should be straight first of all: lanes pull at each other more than nodes do."""
    ends = bool(lower.name) + bool(upper.name)
    return (8.0, 2.0, 1.0)[ends] * math.sqrt(count)
