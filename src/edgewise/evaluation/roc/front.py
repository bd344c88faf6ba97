"""Circuits as points of the ROC plane: one point each, where a method gives circuits and no ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.evaluation.roc.area import pareto, trapezoid
from edgewise.evaluation.roc.curve import require_truth
from edgewise.evaluation.roc.rates import IntArray, Rates
from edgewise.graph.arrays import BoolArray, FloatArray, read_only


@dataclass(frozen=True, eq=False)
class Front(Rates):
    """Counts of several circuits against one truth.

    Args:
        settings: what each circuit was found with, such as ``"tau 0.05"``, `[circuits]`.
        true_positives: how many true entries each keeps, `[circuits]`.
        false_positives: how many others each keeps, `[circuits]`.
        positives: how many entries are true.
        negatives: how many are not.
    """

    settings: tuple[str, ...]
    true_positives: IntArray
    false_positives: IntArray
    positives: int
    negatives: int

    def __post_init__(self) -> None:
        """Freeze copies of the arrays."""
        for name in ("true_positives", "false_positives"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name))))
        self._require_counts(len(self.settings))

    @property
    def steps(self) -> tuple[FloatArray, FloatArray]:
        """FPR and TPR of the Pareto-optimal points, (0, 0) and (1, 1) among the candidates, from left to right."""
        return pareto(self.fpr, self.tpr)

    @property
    def auc(self) -> float:
        """Area by the trapezoid through the Pareto-optimal points."""
        return trapezoid(*self.steps)

    @property
    def at(self) -> str:
        """What the circuit of largest J was found with."""
        return self.settings[self.best]


def front(kept: Sequence[npt.ArrayLike], truth: npt.ArrayLike, settings: Sequence[str]) -> Front:
    """Return the points of several circuits.

    Args:
        kept: for each circuit, bool of the truth's shape: what it keeps.
        truth: bool, any shape.
        settings: a name for each circuit.

    Raises:
        ScoreError: no circuits, shapes or numbers that differ, a truth that is all or nothing.
    """
    true: BoolArray = np.ravel(np.asarray(truth))
    positives = require_truth(true, true.shape)
    if not kept or len(kept) != len(settings):
        raise ScoreError(
            f"{len(kept)} circuits and {len(settings)} names of theirs; give at least one, and one for each"
        )
    masks = [np.ravel(np.asarray(mask)) for mask in kept]
    for mask in masks:
        if mask.shape != true.shape or mask.dtype != np.bool_:
            raise ScoreError(f"a circuit is {mask.dtype} {list(mask.shape)}; it must be bool {list(true.shape)}")
    tp = np.array([int((mask & true).sum()) for mask in masks], dtype=np.int64)
    fp = np.array([int((mask & ~true).sum()) for mask in masks], dtype=np.int64)
    return Front(tuple(settings), tp, fp, positives, len(true) - positives)
