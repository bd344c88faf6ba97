"""Levels, from which masks follow, and a step of them down the slopes: by momentum, in units of its own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.search.table.cells import Array

# What is left of the momentum after a step, and the longest move of a level, in root mean squares of the momentum.
MEMORY, LONGEST = 0.9, 5.0


@dataclass(frozen=True, eq=False)
class Levels:
    """Where levels stand.

    Args:
        values: of every edge, ``[n_edges]``; the higher, the more it is kept.
        momentum: decayed mean of their slopes.
    """

    values: Array
    momentum: Array

    @classmethod
    def ranked(cls, importance: Array) -> Levels:
        """Levels of edges in an order: minus the logarithm of the rank, of equals the first before the others.

        Twice as many edges lie above a level that is log 2 lower.
        """
        ranks = np.empty(len(importance))
        ranks[np.argsort(-importance, kind="stable")] = np.arange(1, len(importance) + 1)
        return cls(-np.log(ranks), np.zeros(len(importance)))

    def step(self, slope: Array, rate: float) -> Levels:
        """One step: ``momentum / rms(momentum)``, no level moving by more than `LONGEST` rates."""
        momentum = MEMORY * self.momentum + (1 - MEMORY) * slope
        size = np.sqrt(np.square(momentum).mean())
        if size == 0:
            return Levels(self.values, momentum)
        return Levels(self.values - rate * np.clip(momentum / size, -LONGEST, LONGEST), momentum)
