"""The ROC curve of a ranking: what is kept at every threshold, against what is true.

1. Everything that has a rank is sorted, highest first; what ties is kept together.
2. At each distinct rank t, kept is what ranks t or more (`>=`, as the selection by threshold does).
3. What has no rank (NaN) is never recovered: it is kept only at the last point, where everything is.

With P true and N false entries, of which TP and FP are kept: TPR = recall = TP / P, FPR = FP / N, precision =
TP / (TP + FP), undefined (NaN) where nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.evaluation.roc.area import trapezoid
from edgewise.evaluation.roc.rates import IntArray, Rates
from edgewise.graph.arrays import BoolArray, FloatArray, read_only


@dataclass(frozen=True, eq=False)
class RocCurve(Rates):
    """Counts at every threshold, from nothing kept to everything kept.

    Args:
        thresholds: `[points]`, falling: inf where nothing is kept, then every distinct rank, and -inf at the end where
            entries without a rank are kept too.
        true_positives: how many true entries are kept, `[points]`.
        false_positives: how many others are kept, `[points]`.
        positives: how many entries are true.
        negatives: how many are not.
    """

    thresholds: FloatArray
    true_positives: IntArray
    false_positives: IntArray
    positives: int
    negatives: int

    def __post_init__(self) -> None:
        """Freeze copies of the arrays; a threshold that is NaN, as read from a file, is the infinite one of its end."""
        ends = np.where(np.arange(len(self.thresholds)) == 0, np.inf, -np.inf)
        thresholds = np.where(np.isnan(self.thresholds), ends, self.thresholds)
        object.__setattr__(self, "thresholds", read_only(thresholds))
        for name in ("true_positives", "false_positives"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name))))
        self._require_counts(len(thresholds))

    @property
    def auc(self) -> float:
        """Area by the trapezoid over all thresholds: the chance that a true entry outranks another, ties being half."""
        return trapezoid(self.fpr, self.tpr)

    @property
    def average_precision(self) -> float:
        """Average precision over all thresholds, ties kept together: sum over i of (R_i - R_(i-1)) P_i.

        R is recall and P precision, as scikit-learn's ``average_precision_score`` has it; by chance it is the share of
        entries that are true.
        """
        return float((np.diff(self.recall) * self.precision[1:]).sum())

    @property
    def youden_threshold(self) -> float:
        """The threshold at which J is reached; inf means that keeping nothing is as good as anything."""
        return float(self.thresholds[self.best])

    @property
    def at(self) -> str:
        """The threshold at which J is reached, in words."""
        return f"{self.youden_threshold:.3g}"

    def corners(self) -> RocCurve:
        """Return the same curve without the points inside a level or an upright stretch: the areas are the same."""
        x, y = self.false_positives, self.true_positives
        inside = (x[:-2] == x[2:]) | (y[:-2] == y[2:])
        kept = np.concatenate(([True], ~inside, [True]))
        kept[self.best] = True
        return RocCurve(self.thresholds[kept], y[kept], x[kept], self.positives, self.negatives)


def curve(ranks: npt.ArrayLike, truth: npt.ArrayLike) -> RocCurve:
    """Return the curve of a ranking against the truth.

    Args:
        ranks: what entries are ranked by, higher first, any shape; NaN where there is none.
        truth: bool, same shape.

    Raises:
        ScoreError: shapes that differ, an infinite rank, a truth that is all or nothing.
    """
    values, true = np.ravel(np.asarray(ranks, dtype=np.float64)), np.ravel(np.asarray(truth))
    positives = require_truth(true, values.shape)
    if np.isinf(values).any():
        raise ScoreError("a rank is infinite; ranks are finite, or NaN for what has none")
    thresholds, tp, fp = counts(values, true)
    return RocCurve(thresholds, tp, fp, positives, len(true) - positives)


def require_truth(true: BoolArray, shape: tuple[int, ...]) -> int:
    """Check what is true of entries and return how many are. Raises ScoreError where no rate is defined."""
    if true.shape != shape or true.dtype != np.bool_:
        raise ScoreError(
            f"the truth is {true.dtype} {list(true.shape)}; it must be bool {list(shape)}, as the ranks are"
        )
    positives = int(true.sum())
    if positives in (0, len(true)):
        which = "all" if positives else "none"
        raise ScoreError(f"{which} of {len(true):,} entries belong to the true circuit, so there is no ROC curve")
    return positives


def counts(values: FloatArray, true: BoolArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Thresholds, true and false positives of `curve`, without its checks; ranks `[n]`."""
    ranked = ~np.isnan(values)
    order = np.argsort(-values[ranked], kind="stable")
    falling, hits = values[ranked][order], true[ranked][order]
    last_of_tie = np.flatnonzero(np.diff(falling, append=-np.inf))
    tp = np.cumsum(hits, dtype=np.int64)[last_of_tie]
    kept = last_of_tie + 1
    rest = [-np.inf] if not ranked.all() else []
    thresholds = np.concatenate(([np.inf], falling[last_of_tie], rest))
    all_true, n = int(true.sum()), len(true)
    tp = np.concatenate(([0], tp, [all_true] if rest else [])).astype(np.int64)
    kept = np.concatenate(([0], kept, [n] if rest else [])).astype(np.int64)
    return thresholds, tp, kept - tp
