"""The order of nodes and lanes within their rows, so that few lines cross.

1. Sweep up and down: every row is sorted by where its elements' neighbours stand in the row just passed
   (the barycentre rule of Sugiyama, Tagawa and Toda 1981), and the order with the fewest crossings is kept.
2. Swap neighbours in a row as long as that removes crossings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edgewise.report.picture.skeleton import Joint, Skeleton

Order: TypeAlias = tuple[tuple[int, ...], ...]
"""Numbers of the elements in each row, bottom row first, left to right."""
_SWEEPS = 24
_SWAPS = 12


@dataclass(frozen=True)
class _Ways:
    """The joints as seen from an element: below and above it, (other element, shift of it, count)."""

    below: dict[int, list[tuple[int, float, int]]]
    above: dict[int, list[tuple[int, float, int]]]


def order(skeleton: Skeleton) -> Order:
    """Return an order with few crossings; the same skeleton gives the same order."""
    ways = _ways(skeleton.joints)
    rows = [list(row) for row in skeleton.rows]
    best, fewest = [list(row) for row in rows], crossings(skeleton, rows)
    for sweep in range(_SWEEPS):
        upward = sweep % 2 == 0
        _sweep(skeleton, rows, ways.below if upward else ways.above, upward)
        found = crossings(skeleton, rows)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    _swap(best, ways)
    return tuple(map(tuple, best))


def crossings(skeleton: Skeleton, rows: Sequence[Sequence[int]]) -> int:
    """Return how many pairs of lines cross between rows."""
    return sum(crossings_above(skeleton, rows))


def crossings_above(skeleton: Skeleton, rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return how many pairs of lines cross between each row and the next."""
    place = _centres(skeleton, rows)
    gaps: dict[int, list[Joint]] = defaultdict(list)
    for joint in skeleton.joints:
        gaps[skeleton.elements[joint.lower].row].append(joint)
    return tuple(_inversions(gaps[row], place) for row in range(len(rows) - 1))


def _inversions(joints: Sequence[Joint], place: Sequence[float]) -> int:
    if len(joints) < 2:
        return 0
    low = np.array([place[joint.lower] for joint in joints])
    high = np.array([place[joint.upper] + joint.shift for joint in joints])
    count = np.array([joint.count for joint in joints])
    crossed = (low[:, None] < low[None, :]) & (high[:, None] > high[None, :])
    return int((crossed * count[:, None] * count[None, :]).sum())


def _ways(joints: Sequence[Joint]) -> _Ways:
    below: dict[int, list[tuple[int, float, int]]] = defaultdict(list)
    above: dict[int, list[tuple[int, float, int]]] = defaultdict(list)
    for joint in joints:
        below[joint.upper].append((joint.lower, joint.shift, joint.count))
        above[joint.lower].append((joint.upper, joint.shift, joint.count))
    return _Ways(below, above)


def _sweep(
    skeleton: Skeleton, rows: list[list[int]], near: dict[int, list[tuple[int, float, int]]], upward: bool
) -> None:
    """Sort every row by its neighbours in the row passed before; `rows` is changed in place."""
    place = _centres(skeleton, rows)
    for row in range(len(rows)) if upward else reversed(range(len(rows))):
        wanted = {}
        for element in rows[row]:
            ends = near.get(element, [])
            total = sum(count for *_, count in ends)
            # Seen from above, a line enters the other element off its middle; from below, this one.
            signed = -1 if upward else 1
            pulled = sum((place[other] + signed * shift) * count for other, shift, count in ends)
            wanted[element] = pulled / total if total else place[element]
        rows[row].sort(key=lambda element, wanted=wanted: wanted[element])  # type: ignore[misc]
        _pack(skeleton, rows[row], place)


def _centres(skeleton: Skeleton, rows: Sequence[Sequence[int]]) -> list[float]:
    """Where elements stand when every row is packed around the middle."""
    place = [0.0] * len(skeleton.elements)
    for row in rows:
        _pack(skeleton, row, place)
    return place


def _pack(skeleton: Skeleton, row: Sequence[int], place: list[float]) -> None:
    at = -sum(skeleton.elements[element].half for element in row)
    for element in row:
        half = skeleton.elements[element].half
        place[element] = at + half
        at += 2 * half


def _swap(rows: list[list[int]], ways: _Ways) -> None:
    """Swap neighbours while that removes crossings; `rows` is changed in place."""
    rank = {element: float(position) for row in rows for position, element in enumerate(row)}
    for _ in range(_SWAPS):
        better = False
        for row in rows:
            for left in range(len(row) - 1):
                a, b = row[left], row[left + 1]
                if _crossed(a, b, ways, rank) > _crossed(b, a, ways, rank):
                    row[left], row[left + 1] = b, a
                    rank[a], rank[b] = rank[b], rank[a]
                    better = True
        if not better:
            return


def _crossed(left: int, right: int, ways: _Ways, rank: dict[int, float]) -> int:
    """Pairs of lines that cross when `left` stands left of `right`."""
    total = 0
    for near, fraction in ((ways.below, 0.0), (ways.above, 1e-3)):
        for other, shift, count in near.get(left, ()):
            at = rank[other] + fraction * shift
            for rival, its_shift, its_count in near.get(right, ()):
                total += count * its_count * (at > rank[rival] + fraction * its_shift)
    return total
