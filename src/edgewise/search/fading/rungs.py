"""The sizes through which circuits fall, and the size and the temperature of every step on the way.

Between one rung and the next the size falls by the same factor each step, while masks are soft; at the rung it stays
while they harden, so that the circuit there is one of whole edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Shares of all edges: where the size begins, and the rungs.
FIRST = 0.5
RUNGS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
# Times as many steps to the first rungs: everything is undecided there.
LONGER = (2.5, 1.5)
# Temperatures of the first and the last soft step, in units of the levels, and what hardening divides them by.
SOFT, LAST_SOFT, HARDENED = 1.0, 0.8, 8.0
# Of the steps towards a rung, the share that is spent at it.
AT_RUNG = 0.3


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        size: what the masks sum to.
        temperature: of the masks.
        hard: which of the steps at a rung it is, from 1; 0 on the way to one.
        last: whether the rung's circuit is settled after it.
    """

    size: int
    temperature: float
    hard: int = 0
    last: bool = False


def rungs(n_edges: int) -> tuple[int, ...]:
    """The sizes at which circuits are settled, falling. In small models several shares are one size."""
    return tuple(sorted({max(1, round(share * n_edges)) for share in RUNGS}, reverse=True))


def plan(n_edges: int, per_rung: int) -> tuple[Step, ...]:
    """All steps, so many a rung, and to the first rungs `LONGER` times as many.

    Args:
        n_edges: of the model.
        per_rung: at least 2: one on the way and one at the rung.
    """
    sizes = rungs(n_edges)
    steps: list[Step] = []
    above, times = max(sizes[0], round(FIRST * n_edges)), (*LONGER, *(1.0 for _ in sizes))
    for number, size in enumerate(sizes):
        many = round(times[number] * per_rung)
        steps += _towards(above, size, many, (number / len(sizes), (number + 1) / len(sizes)))
        above = size
    return tuple(steps)


def _towards(above: int, size: int, many: int, passed: tuple[float, float]) -> list[Step]:
    """So many steps from one rung to the next, between two shares of the way of the soft temperature."""
    holds = max(1, round(AT_RUNG * many))
    falls = many - holds
    soft = [_between(SOFT, LAST_SOFT, passed[0] + (passed[1] - passed[0]) * step / falls) for step in range(falls)]
    on_the_way = [Step(round(_between(above, size, (step + 1) / falls)), soft[step]) for step in range(falls)]
    at_rung = [Step(size, soft[-1] * HARDENED ** (-step / holds), step, step == holds) for step in range(1, holds + 1)]
    return [*on_the_way, *at_rung]


def _between(high: float, low: float, share: float) -> float:
    """What lies at a share of the way from one number to another on a logarithmic scale."""
    return high * math.pow(low / high, share)
