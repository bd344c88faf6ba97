"""Masks of a given sum from levels, and how a change of the levels is felt."""

from __future__ import annotations

import numpy as np

from edgewise.search.table.cells import Array

# Halvings of the interval in which the shift lies, and how many temperatures it reaches beyond the levels.
HALVINGS, BEYOND = 60, 40.0
# A logistic function is 0 or 1 to the last bit from here on.
FLAT = 60.0


def masks(levels: Array, temperature: float, size: int) -> Array:
    """``sigmoid((level - c) / temperature)`` with the shift c at which the masks sum to a size.

    Args:
        levels: how much each edge is wanted, ``[n]``.
        temperature: in units of the levels, above 0: the higher, the more masks lie between 0 and 1.
        size: above 0 and below n; all masks are 1 at n or more.
    """
    if size >= len(levels):
        return np.ones(len(levels))
    low = levels.min() - BEYOND * temperature
    high = levels.max() + BEYOND * temperature
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _logistic((levels - middle) / temperature).sum() > size:
            low = middle
        else:
            high = middle
    return _logistic((levels - high) / temperature)


def felt(slope: Array, kept: Array, temperature: float) -> Array:
    """The slope with respect to the levels, their masks keeping their sum, from that with respect to the masks.

    With ``d = m (1 - m)`` for the masks m and g for their slope: ``(g - sum(g d) / sum(d)) d / temperature``.
    """
    loose = kept * (1 - kept)
    total = float(loose.sum())
    mean = float((slope * loose).sum()) / total if total else 0.0
    return (slope - mean) * loose / temperature


def _logistic(x: Array) -> Array:
    share: Array = 1 / (1 + np.exp(-np.clip(x, -FLAT, FLAT)))
    return share
