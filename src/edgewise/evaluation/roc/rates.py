"""Rates from counts, whatever the counts are of: thresholds of a ranking, or circuits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from edgewise.errors import ScoreError
from edgewise.evaluation.roc.area import pessimistic, youden
from edgewise.graph.arrays import FloatArray

_MOST = 2**53  # above it, counts and their shares are not exact
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class Rates(ABC):
    """Points of the ROC plane; a subclass is a dataclass with these four fields.

    Attributes:
        true_positives: how many true entries are kept at each point, `[points]`.
        false_positives: how many others are kept, `[points]`.
        positives: how many entries are true.
        negatives: how many are not.
    """

    true_positives: IntArray
    false_positives: IntArray
    positives: int
    negatives: int

    @property
    @abstractmethod
    def at(self) -> str:
        """Where Youden's J is reached, in words."""

    @property
    def tpr(self) -> FloatArray:
        """Share of the true entries that is kept, `[points]`; recall is another word for it."""
        return np.asarray(self.true_positives / self.positives)

    recall = tpr

    @property
    def fpr(self) -> FloatArray:
        """Share of the other entries that is kept, `[points]`."""
        return np.asarray(self.false_positives / self.negatives)

    @property
    def precision(self) -> FloatArray:
        """Share of what is kept that is true, `[points]`; NaN where nothing is."""
        kept = self.true_positives + self.false_positives
        return np.where(kept > 0, self.true_positives / np.maximum(kept, 1), np.nan)

    @property
    @abstractmethod
    def auc(self) -> float:
        """Area by the trapezoid."""

    @property
    def auc_pessimistic(self) -> float:
        """ACDC's area, see `area.pessimistic`."""
        return pessimistic(self.fpr, self.tpr)

    @property
    def best(self) -> int:
        """Index of the first point of largest Youden's J."""
        return youden(self.fpr, self.tpr)[1]

    @property
    def youden(self) -> float:
        """Youden's J: the largest TPR - FPR."""
        return youden(self.fpr, self.tpr)[0]

    def _require_counts(self, points: int) -> None:
        """Refuse counts that no curve has: not one for each point, none at all, or more than there are entries."""
        for name, most in (("true_positives", self.positives), ("false_positives", self.negatives)):
            kept = getattr(self, name)
            fits = kept.shape == (points,) and points and 0 < most < _MOST
            if not fits or kept.min() < 0 or kept.max() > most:
                raise ScoreError(f"{name} are no counts of {points} points, or positives and negatives none of entries")
