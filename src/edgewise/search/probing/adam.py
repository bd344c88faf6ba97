"""Adam (Kingma and Ba 2015, algorithm 1) as a value and a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.search.table.cells import Array

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True, eq=False)
class Adam:
    """Parameters, and the moments of their gradients so far.

    Args:
        parameters: ``[n]``.
        mean: decayed mean of the gradients.
        square: decayed mean of their squares.
        steps: steps taken.
    """

    parameters: Array
    mean: Array
    square: Array
    steps: int = 0

    @classmethod
    def start(cls, parameters: Array) -> Adam:
        """Before the first step."""
        return cls(parameters, np.zeros_like(parameters), np.zeros_like(parameters))

    def step(self, gradient: Array, rate: float) -> Adam:
        """One step down a gradient."""
        steps = self.steps + 1
        mean = BETA_1 * self.mean + (1 - BETA_1) * gradient
        square = BETA_2 * self.square + (1 - BETA_2) * gradient**2
        unbiased, size = mean / (1 - BETA_1**steps), np.sqrt(square / (1 - BETA_2**steps))
        return Adam(self.parameters - rate * unbiased / (size + EPSILON), mean, square, steps)
