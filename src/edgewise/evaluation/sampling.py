"""Which edges are measured exactly: some for certain, and some of the others by a lot that is even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgewise.errors import SelectionError
from edgewise.graph.arrays import BoolArray, FloatArray

LEAST_DRAWN = 10
"""Fewer than these say too little about the others for an interval."""
OWN = 1
"""Beside the seed: numbers of this lot alone, none that another lot of the same seed has used."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A stratified sample: one stratum in full, and of the other a part, drawn uniformly without replacement.

    Args:
        certain: which were chosen whatever the lot said, bool ``[n]``.
        drawn: which of the others were drawn, bool ``[n]``.

    Raises:
        SelectionError: shapes that differ, an entry of both kinds, others of which none was drawn.
    """

    certain: BoolArray
    drawn: BoolArray

    def __post_init__(self) -> None:
        """Check that the two belong together."""
        if self.certain.shape != self.drawn.shape or self.certain.ndim != 1:
            raise SelectionError(f"a sample needs two masks [n], not {self.certain.shape} and {self.drawn.shape}")
        if (self.certain & self.drawn).any():
            raise SelectionError("an entry of a sample is both chosen and drawn; draw from the others")
        if self.n_others and not self.n_drawn:
            raise SelectionError(f"none of {self.n_others:,} others was drawn; nothing can be said of them")

    @classmethod
    def all_of(cls, n: int) -> Sample:
        """Everything is measured."""
        return cls(np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_))

    @property
    def n(self) -> int:
        """Size of the population."""
        return len(self.certain)

    @property
    def measured(self) -> BoolArray:
        """Which are measured, bool ``[n]``."""
        return self.certain | self.drawn

    @property
    def n_others(self) -> int:
        """Size of the stratum that is drawn from."""
        return self.n - int(self.certain.sum())

    @property
    def n_drawn(self) -> int:
        """How many were drawn."""
        return int(self.drawn.sum())

    @property
    def is_census(self) -> bool:
        """Whether everything is measured, so that nothing is left to chance."""
        return self.n_drawn == self.n_others

    @property
    def weights(self) -> FloatArray:
        """How many of the population each measured one stands for: one over its probability, ``[measured]``."""
        share = self.n_others / self.n_drawn if self.n_drawn else 1.0
        return np.where(self.certain, 1.0, share)[self.measured]


def strongest_first(sizes: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices by size, the largest first, equals in their own order."""
    return np.argsort(-sizes, kind="stable")


def require_enough(n: int, top: int) -> None:
    """Raise SelectionError unless n in all with the largest ``top`` leave enough to draw for an interval."""
    if top < 0:
        raise SelectionError(f"the largest {top} are asked for; give 0 or more")
    if n - top < LEAST_DRAWN:
        raise SelectionError(
            f"{n} in all with the {top} largest leaves {max(n - top, 0)} to draw from the others, and {LEAST_DRAWN} is"
            f" the least that says anything about them; measure {top + LEAST_DRAWN} or more, or fewer of the largest"
        )


def draw(certain: BoolArray, n: int, seed: int) -> Sample:
    """Draw some of all that is not certain, uniformly without replacement.

    Args:
        certain: what is measured whatever the lot says, bool ``[n]``.
        n: how many are drawn; all where there are no more.
        seed: of the lot.
    """
    others = np.flatnonzero(~certain)
    drawn = np.zeros_like(certain)
    drawn[np.random.default_rng([seed, OWN]).choice(others, min(n, len(others)), replace=False)] = True
    return Sample(certain, drawn)
