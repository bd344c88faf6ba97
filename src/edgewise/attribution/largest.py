"""The prompts on which a method's scores are largest, kept whole, whatever the number of prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Largest:
    """The rows of largest scores so far, by the root of their sum of squares.

    Args:
        most: how many are kept.
        rows: which prompts, rising.
        scores: theirs, ``[n_rows, *shape]``.
    """

    most: int
    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.floating[Any]]

    @classmethod
    def none(cls, most: int, shape: tuple[int, ...]) -> Largest:
        """Before anything was seen."""
        return cls(most, np.zeros(0, dtype=np.int64), np.zeros((0, *shape)))

    def add(self, rows: list[int], scores: npt.NDArray[np.floating[Any]]) -> Largest:
        """The largest after some prompts more; of equals the first ones."""
        every = np.concatenate([self.rows, np.array(rows, dtype=np.int64)])
        values = np.concatenate([self.scores, scores])
        sizes = np.square(values.reshape(len(values), -1).astype(np.float64)).sum(1)
        first = np.lexsort((every, -sizes))[: self.most]
        kept = first[np.argsort(every[first])]
        return Largest(self.most, every[kept], values[kept])
