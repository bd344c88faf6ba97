"""Where each line stands across the picture in every row it touches.

1. In a lane, lines lie side by side. Those that leave to the left stand on the left, the first to leave
   outermost; so it is on the right, and no line crosses another of its lane.
2. On a node's top, and at a node's input, lines are sorted by where they go to or come from.
3. `input` and `logits` are as wide as need be: lines rise from the one and into the other without bending.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from edgewise.report.picture.choice import Choice
from edgewise.report.picture.skeleton import LINE_GAP, NODE_WIDTH, PORT, Skeleton, line_width, port_shift


def across(choice: Choice, bones: Skeleton, places: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """Return for every edge drawn its x in each element of its path, pixels from the picture's middle axis."""
    found = [[0.0] * len(path) for path in bones.paths]
    _in_lanes(choice, bones, places, found)
    _at_inputs(choice, bones, places, found)
    _on_tops(choice, bones, places, found)
    _at_bars(bones, found)
    return tuple(map(tuple, found))


def _in_lanes(choice: Choice, bones: Skeleton, places: Sequence[float], found: list[list[float]]) -> None:
    through: dict[int, list[tuple[int, int]]] = defaultdict(list)  # lane -> (edge, position in its path)
    for edge, path in enumerate(bones.paths):
        for position in range(1, len(path) - 1):
            through[path[position]].append((edge, position))
    rank = [_leaving(choice, bones, places, edge) for edge in range(len(bones.paths))]
    for lane, members in through.items():
        members.sort(key=lambda member: rank[member[0]])
        widths = [line_width(choice.edges[edge]) for edge, _ in members]
        for (edge, position), shift in zip(members, _side_by_side(widths), strict=True):
            found[edge][position] = places[lane] + shift


def _leaving(choice: Choice, bones: Skeleton, places: Sequence[float], edge: int) -> tuple[int, int, float]:
    """What the lines of a lane are sorted by."""
    path = bones.paths[edge]
    goal = choice.edges[edge]
    if goal.destination == "logits":
        return 0, len(path), 0.0
    there = places[path[-1]] + port_shift(goal.node, goal.letter)
    here = places[path[-2]]
    return (0, len(path), there) if there < here else (1, -len(path), there)


def _at_inputs(choice: Choice, bones: Skeleton, places: Sequence[float], found: list[list[float]]) -> None:
    into: dict[tuple[int, str], list[int]] = defaultdict(list)
    for edge, path in enumerate(bones.paths):
        into[path[-1], choice.edges[edge].letter].append(edge)
    for (node, letter), edges in into.items():
        name = bones.elements[node].name
        if name == "logits":
            continue
        middle = places[node] + port_shift(name, letter)
        room = PORT - 6 if letter else NODE_WIDTH - 10

        def origin(edge: int, middle: float = middle) -> float:
            path = bones.paths[edge]
            if len(path) > 2:
                return found[edge][-2]
            return middle if bones.elements[path[0]].name == "input" else places[path[0]]

        _squeeze(choice, edges, origin, middle, room, found, -1)


def _on_tops(choice: Choice, bones: Skeleton, places: Sequence[float], found: list[list[float]]) -> None:
    out: dict[int, list[int]] = defaultdict(list)
    for edge, path in enumerate(bones.paths):
        if bones.elements[path[0]].name != "input":
            out[path[0]].append(edge)
    for node, edges in out.items():

        def goal(edge: int, node: int = node) -> float:
            straight = len(bones.paths[edge]) == 2 and choice.edges[edge].destination == "logits"
            return places[node] if straight else found[edge][1]

        _squeeze(choice, edges, goal, places[node], NODE_WIDTH - 14, found, 0)


def _at_bars(bones: Skeleton, found: list[list[float]]) -> None:
    for xs, path in zip(found, bones.paths, strict=True):
        if bones.elements[path[-1]].name == "logits":
            xs[-1] = xs[-2]
        if bones.elements[path[0]].name == "input":
            xs[0] = xs[1]


def _squeeze(
    choice: Choice,
    edges: list[int],
    by: Callable[[int], float],
    middle: float,
    room: float,
    found: list[list[float]],
    position: int,
) -> None:
    """Put lines side by side around a middle, closer than side by side where there is no room."""
    edges = sorted(edges, key=by)
    widths = [line_width(choice.edges[edge]) for edge in edges]
    shifts = _side_by_side(widths)
    need = max((abs(shift) + width / 2 for shift, width in zip(shifts, widths, strict=True)), default=0.0)
    scale = min(1.0, room / 2 / need) if need else 1.0
    for edge, shift in zip(edges, shifts, strict=True):
        found[edge][position] = middle + scale * shift


def _side_by_side(widths: Sequence[float]) -> list[float]:
    """Middles of lines that lie side by side around zero."""
    at = -(sum(widths) + LINE_GAP * (len(widths) - 1)) / 2
    middles = []
    for width in widths:
        middles.append(at + width / 2)
        at += width + LINE_GAP
    return middles
