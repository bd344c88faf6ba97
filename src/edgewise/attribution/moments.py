"""Mean and variance over prompts from one pass, in float64 whatever the model's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Running mean, centred sum of squares and mean of absolutes of arrays of one shape (Chan et al. 1983).

    Args:
        count: how many arrays have been seen.
        mean: their mean.
        squares: the sum of squared deviations from it.
        mean_abs: the mean of their absolutes.
    """

    count: int
    mean: Array
    squares: Array
    mean_abs: Array

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Moments:
        """Before anything was seen."""
        return cls(0, np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def add(self, values: npt.NDArray[np.floating[Any]]) -> Moments:
        """The moments after ``values`` ``[batch, *shape]`` too."""
        batch, total = len(values), self.count + len(values)
        mean = values.mean(0, dtype=np.float64)
        squares = np.square(values - mean).sum(0)
        gap = mean - self.mean
        share = batch / total
        mean_abs = np.abs(values).mean(0, dtype=np.float64)
        return Moments(
            total,
            self.mean + gap * share,
            self.squares + squares + gap * gap * (self.count * share),
            self.mean_abs + (mean_abs - self.mean_abs) * share,
        )

    def replaced(self, old: npt.NDArray[np.floating[Any]], new: npt.NDArray[np.floating[Any]]) -> Moments:
        """The moments with some of the arrays replaced by others, ``[n, *shape]`` each."""
        before, after = old.astype(np.float64), new.astype(np.float64)
        mean = self.mean + (after - before).sum(0) / self.count
        # About the old mean: what is large cancels before it is squared.
        spread = self.squares + (np.square(after - self.mean) - np.square(before - self.mean)).sum(0)
        squares = (spread - self.count * np.square(mean - self.mean)).clip(0)
        mean_abs = self.mean_abs + (np.abs(after) - np.abs(before)).sum(0) / self.count
        return Moments(self.count, mean, squares, mean_abs)

    def stderr(self) -> Array:
        """Standard error of the mean, ``sqrt(squares / (n - 1) / n)``; NaN for a single prompt."""
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        return np.sqrt(self.squares / (self.count - 1) / self.count)
