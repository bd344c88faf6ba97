"""Where elements stand across the picture, their order in each row given.

Joined elements pull at each other like springs, and nothing in a row may overlap: minimise the sum over
joints of pull * (x_upper + shift - x_lower)^2 under x_right - x_left >= half_left + half_right. Row by row, that
is a weighted isotonic regression, which pooling adjacent violators solves exactly; sweeps over the rows with
over-relaxation come to the whole problem's answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from edgewise.report.picture.ordering import Order
from edgewise.report.picture.skeleton import Skeleton

_SWEEPS = 80
_RELAX = 1.6
_HOLD = 0.05  # a weak spring to the middle keeps what nothing pulls at from drifting off


def spread(skeleton: Skeleton, order: Order) -> tuple[float, ...]:
    """Return the middle of every element, pixels from the picture's middle axis."""
    near: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for joint in skeleton.joints:
        near[joint.lower].append((joint.upper, joint.shift, joint.pull))
        near[joint.upper].append((joint.lower, -joint.shift, joint.pull))
    places = [0.0] * len(skeleton.elements)
    for row in order:
        for element, at in zip(row, apart(_starts(skeleton, row), [0.0] * len(row), [1.0] * len(row)), strict=True):
            places[element] = at
    for sweep in range(_SWEEPS):
        relax = _RELAX if sweep < _SWEEPS - 10 else 1.0
        for row in order if sweep % 2 else reversed(order):
            _settle(skeleton, row, near, places, relax)
    return tuple(places)


def _settle(
    skeleton: Skeleton,
    row: Sequence[int],
    near: dict[int, list[tuple[int, float, float]]],
    places: list[float],
    relax: float,
) -> None:
    """Move one row to where its springs pull it; `places` is changed in place."""
    wanted, weights = [], []
    for element in row:
        ends = near.get(element, [])
        weight = _HOLD + sum(pull for *_, pull in ends)
        target = sum(pull * (places[other] + shift) for other, shift, pull in ends) / weight
        wanted.append(places[element] + relax * (target - places[element]))
        weights.append(weight)
    for element, at in zip(row, apart(_starts(skeleton, row), wanted, weights), strict=True):
        places[element] = at


def _starts(skeleton: Skeleton, row: Sequence[int]) -> list[float]:
    """Least distance of each element's middle from that of the row's first."""
    starts, at = [], 0.0
    for position, element in enumerate(row):
        half = skeleton.elements[element].half
        at += half if position else 0.0
        starts.append(at)
        at += half
    return starts


def apart(starts: Sequence[float], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Places nearest to those wanted, in order and apart: pooling adjacent violators."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for start, want, weight in zip(starts, wanted, weights, strict=True):
        mean, total, members = want - start, weight, 1
        while pools and pools[-1][0] >= mean:
            before, its_weight, its_members = pools.pop()
            mean = (mean * total + before * its_weight) / (total + its_weight)
            total, members = total + its_weight, members + its_members
        pools.append((mean, total, members))
    means = [mean for mean, _, members in pools for _ in range(members)]
    return [mean + start for mean, start in zip(means, starts, strict=True)]
