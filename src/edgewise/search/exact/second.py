"""The second opinion on estimates: whose it is, of how many prompts, and what comes of the two."""

from __future__ import annotations

import numpy as np

from edgewise.attribution import AttributionState
from edgewise.graph.arrays import FloatArray

SHARE, FEWEST, MOST = 8, 3, 8
"""The second estimate is of one prompt in eight, of at least three and of eight at the most."""
MUCH, OF = 0.1, 20
"""A change of this share of the twentieth largest score is much."""


def second_of(method: str) -> str:
    """The method whose estimates those of another are held against: ``secant-mid``, and ``eap`` for a secant's own.

    Derivatives are right for small changes and finite differences for large ones, so that each knows where the other
    fails.
    """
    return "eap" if "secant" in method and method != "eap-secant" else "secant-mid"


def how_many(n: int) -> int:
    """Of how many of n prompts there is a second estimate."""
    return min(n, max(FEWEST, min(MOST, n // SHARE)))


def both_of(first: AttributionState, second: AttributionState) -> tuple[AttributionState, FloatArray]:
    """The estimates that two methods make together, and what they differ by on the prompts that have both.

    Args:
        first: a finished pass that kept its largest prompts.
        second: the other method's pass of these prompts alone, each prompt's scores kept.
    """
    largest, others = first.largest, second.scores().per_prompt
    assert largest is not None
    assert others is not None
    apart = others - largest.scores
    change = np.nan_to_num(np.asarray(apart.sum(0) / first.total))
    sizes = np.sort(np.abs(np.nan_to_num(first.moments.mean + change)), axis=None)
    much = np.abs(change) > MUCH * sizes[-min(OF, sizes.size)]
    return first.replaced(np.nan_to_num(others), much), np.asarray(apart.mean(0))
