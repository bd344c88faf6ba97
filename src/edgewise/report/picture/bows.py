"""How far lines bend aside, so that they run behind as few boxes as can be but for those that they join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgewise.graph.arrays import BoolArray, FloatArray

Point = tuple[float, float]
# Points along a line at which it is held against the boxes, and how near to one it may come, pixels.
_POINTS, _NEAR = 40, 2.0
# A bow, and what it is more for each pixel that a line rises; in times of it, what is tried.
_BOW, _MORE = 24.0, 0.06
_TIMES = (0.0, *(sign * times for times in (1.0, 1.5, 2.1, 2.8, 3.7, 4.8) for sign in (1, -1)))


@dataclass(frozen=True)
class Line:
    """A curve that leaves its start upwards and comes to its end from below.

    Args:
        start: pixels, y downwards.
        end: likewise, above it.
        bow: how far both its handles stand aside.
    """

    start: Point
    end: Point
    bow: float = 0.0

    @property
    def handles(self) -> tuple[Point, Point]:
        """The two control points of the cubic curve."""
        (x, y), (right, top) = self.start, self.end
        bend = max(16.0, (y - top) * 0.45)
        return (x + self.bow, y - bend), (right + self.bow, top + bend)


def clear(joined: Sequence[tuple[int, int]], boxes: Sequence[Point], size: Point, within: Point) -> list[Line]:
    """A line for each pair of boxes, bowed so that it runs behind the fewest others; the least bow of equal ones.

    Args:
        joined: from which box, and to which one above it.
        boxes: the middle of each.
        size: width and height of all.
        within: where bows may reach, left and right.
    """
    middles = np.array(boxes).reshape(-1, 2)
    return [_clear(pair, middles, size, within) for pair in joined]


def _clear(pair: tuple[int, int], boxes: FloatArray, size: Point, within: Point) -> Line:
    (x, y), (right, top) = boxes[list(pair)].tolist()
    straight = Line((x, y - size[1] / 2), (right, top + size[1] / 2))
    bow = _BOW + _MORE * (y - top)
    lines = [replace(straight, bow=bow * times) for times in _TIMES]
    points = np.stack([_along(line) for line in lines])
    others = np.delete(boxes, pair, axis=0)
    hidden = _inside(points, others, size).any(1).sum(-1)
    outside = (points[..., 0] < within[0]).any(-1) | (points[..., 0] > within[1]).any(-1)
    return lines[int(np.argmin(hidden + len(boxes) * outside))]


def _inside(points: FloatArray, boxes: FloatArray, size: Point) -> BoolArray:
    """Which points are in which boxes, ``[lines, points, boxes]``."""
    apart = np.abs(points[:, :, None] - boxes)
    return np.asarray((apart < np.array(size) / 2 + _NEAR).all(-1))


def _along(line: Line) -> FloatArray:
    """Points of a line, ``[points, 2]``."""
    share = np.linspace(0, 1, _POINTS)[:, None]
    back, corners = 1 - share, np.array([line.start, *line.handles, line.end])
    weights = np.hstack([back**3, 3 * back**2 * share, 3 * back * share**2, share**3])
    return np.asarray(weights @ corners)
