"""The error that is stated of scores, as a value: what reads it needs nothing of what measured it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StatedError:
    """The error of scores of which some are exact, against the exact effects of all.

    Args:
        drawn: how many were drawn to tell it.
        r2: ``1 - sum of (exact - score)² / sum of (exact - mean)²``, estimated.
        r2_low: what it is at least, with the confidence of `edgewise.search.exact.stated.LEVEL`.
    """

    drawn: int
    r2: float
    r2_low: float
