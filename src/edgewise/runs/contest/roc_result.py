"""What came of methods against a circuit that is known, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np

from edgewise.errors import FormatError
from edgewise.evaluation.roc import Front, RocCurve, RocIntervals
from edgewise.evaluation.roc.rates import Rates

LEVELS = ("edge", "node")
# Drawings beside each other that a reader can still compare.
MOST_PAGED = 6


@dataclass(frozen=True)
class Judged:
    """One method at one level.

    Args:
        points: the curve of its scores at its corners, or the points of its circuits.
        intervals: over prompts, where scores were kept prompt by prompt.
    """

    points: Rates
    intervals: RocIntervals | None = None

    @property
    def roc(self) -> RocCurve | Front:
        """The points by the two kinds there are."""
        return cast("RocCurve | Front", self.points)

    def number(self, name: str) -> float | None:
        """TPR, FPR or precision at the point of largest J; None where it is undefined."""
        value = float(getattr(self.points, name)[self.points.best])
        return value if np.isfinite(value) else None

    def derived(self) -> dict[str, Any]:
        """Areas, J, and where it is reached."""
        points = self.points
        areas = {"auc": points.auc, "auc_pessimistic": points.auc_pessimistic}
        rates = {name: self.number(name) for name in ("tpr", "fpr", "precision")}
        return {**areas, "youden": points.youden, "youden_at": points.at, **rates}


@dataclass(frozen=True)
class RocLine:
    """One method: a row of the table, a line of the picture.

    Args:
        name: as it was asked for, such as ``"acdc:kl"``.
        label: for people.
        metric: what it measured.
        runs: its run folders, under that of the comparison.
        reference: whether it is what the truth was made by, on other prompts, and so no competitor.
        levels: ``"edge"`` and ``"node"`` -> what came out; no entry where the truth holds all nodes.
    """

    name: str
    label: str
    metric: str
    runs: tuple[str, ...]
    reference: bool
    levels: Mapping[str, Judged] = field(hash=False)

    def __post_init__(self) -> None:
        """Check the levels."""
        if not {"edge"} <= set(self.levels) <= set(LEVELS):
            raise FormatError(f"field 'lines': levels of '{self.name}' are not 'edge', with or without 'node'")

    @property
    def title(self) -> str:
        """The label, saying so where the line is a reference."""
        return f"{self.label} (reference)" if self.reference else self.label


@dataclass(frozen=True)
class RocResult:
    """A comparison.

    Args:
        model: its name.
        task: of the prompts; their file's name where they are a file's.
        n: number of prompts that the methods saw.
        metric: the metric that belongs to the prompts, or was asked for.
        by: what edges are ranked by.
        truth: what the methods are held against, in words.
        truth_asked: how that was asked for.
        truth_digest: SHA-256 of its file, if it came from one.
        edges: how many edges the model has.
        truth_edges: names of those of the truth.
        lines: the methods, in the order asked.
        notes: what to know, one line each.
    """

    format: ClassVar[str] = "edgewise-roc"

    model: str
    task: str
    n: int
    metric: str
    by: str
    truth: str
    truth_asked: str
    truth_digest: str | None
    edges: int
    truth_edges: tuple[str, ...]
    lines: tuple[RocLine, ...]
    notes: tuple[str, ...] = ()


def paged(result: RocResult) -> tuple[str, ...]:
    """The run folders that a page shows beside each other: of every method that made one run, the first few."""
    return tuple(line.runs[0] for line in result.lines if len(line.runs) == 1)[:MOST_PAGED]
