"""The sizes through which circuits fall, and the size and the temperature of every step on the way.

Between one rung and the next the size falls by the same factor each step, while masks are soft; at the rung it stays
while they harden, so that the circuit there is one of whole edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Shares of all edges: where the size begins, and the rungs.
FIRST = 0.35
RUNGS = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
# Times as many steps to the first rung: nearly everything is undecided there.
LONGER = 1.4
# The temperature of soft steps, in units of the levels, and what hardening divides it by.
SOFT, HARDENED = 0.5, 8.0
# Of the steps towards a rung, the share that is spent at it.
AT_RUNG = 0.3
# The most that levels move in a step, in times of what they move at the first rung.
FASTEST = 5.0


@dataclass(frozen=True)
class Step:
    """One step.

    Args:
        size: what the masks sum to.
        temperature: of the masks.
        pace: how far levels move, in times of what they move at the first rung: as one over the root of the size, since
            among many edges nearly all are in few prompts' slopes by chance, and among few nearly none.
        hard: which of the steps at a rung it is, from 1; 0 on the way to one.
        last: whether the rung's circuit is settled after it.
    """

    size: int
    temperature: float
    pace: float
    hard: int = 0
    last: bool = False


def rungs(n_edges: int, own: int | None = None) -> tuple[int, ...]:
    """The sizes at which circuits are settled, falling, one of the caller's own among them.

    In small models several shares are one size.
    """
    sizes = {max(1, round(share * n_edges)) for share in RUNGS} | ({own} if own else set())
    return tuple(sorted(sizes, reverse=True))


def plan(n_edges: int, per_rung: int, own: int | None = None) -> tuple[Step, ...]:
    """All steps, so many a rung, and to the first one `LONGER` times as many.

    Args:
        n_edges: of the model.
        per_rung: at least 2: one on the way and one at the rung.
        own: one more size at which a circuit is settled.
    """
    sizes = rungs(n_edges, own)
    steps: list[Step] = []
    above = max(sizes[0], round(FIRST * n_edges))
    for number, size in enumerate(sizes):
        steps += _towards(above, size, per_rung if number else round(LONGER * per_rung), sizes[0])
        above = size
    return tuple(steps)


def _towards(above: int, size: int, many: int, first: int) -> list[Step]:
    """So many steps from one rung to the next; the first rung has the pace 1."""
    holds = max(1, round(AT_RUNG * many))
    falls = many - holds
    on_the_way = [_step(round(_between(above, size, (step + 1) / falls)), SOFT, first) for step in range(falls)]
    cooled = [SOFT * HARDENED ** (-step / holds) for step in range(1, holds + 1)]
    at_rung = [_step(size, heat, first, step, step == holds) for step, heat in enumerate(cooled, start=1)]
    return [*on_the_way, *at_rung]


def _step(size: int, temperature: float, first: int, hard: int = 0, last: bool = False) -> Step:
    return Step(size, temperature, min(math.sqrt(first / size), FASTEST), hard, last)


def _between(high: float, low: float, share: float) -> float:
    """What lies at a share of the way from one number to another on a logarithmic scale."""
    return high * math.pow(low / high, share)
