"""What a comparison found, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgewise.errors import FormatError
from edgewise.evaluation.roc import Front, RocCurve, RocIntervals

FORMAT = "edgewise-roc"


@dataclass(frozen=True)
class Judged:
    """One method at one level.

    Args:
        roc: the curve of its scores, or the points of its circuits.
        intervals: over prompts, where scores were kept prompt by prompt.
    """

    roc: RocCurve | Front
    intervals: RocIntervals | None = None

    @property
    def at(self) -> str:
        """Where Youden's J is reached: a threshold, or a setting."""
        if isinstance(self.roc, Front):
            return self.roc.youden_setting
        return f"{self.roc.youden_threshold:.3g}"

    def number(self, name: str) -> float | None:
        """TPR, FPR or precision at the point of largest J; None where it is undefined."""
        value = float(getattr(self.roc, name)[self.roc.best])
        return value if np.isfinite(value) else None

    def to_json(self) -> dict[str, Any]:
        """Return numbers and counts as JSON values."""
        roc = self.roc.corners() if isinstance(self.roc, RocCurve) else self.roc
        return {
            "auc": roc.auc,
            "auc_pessimistic": roc.auc_pessimistic,
            "youden": roc.youden,
            "youden_at": self.at,
            "tpr": self.number("tpr"),
            "fpr": self.number("fpr"),
            "precision": self.number("precision"),
            "intervals": None if self.intervals is None else self.intervals.to_json(),
            "points": roc.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Judged:
        """Read back what `to_json` gave."""
        kind = Front if "settings" in values["points"] else RocCurve
        intervals = values["intervals"]
        return cls(kind.from_json(values["points"]), None if intervals is None else RocIntervals.from_json(intervals))


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
        truth_edges: names of its edges.
        edges: how many edges the model has.
        lines: the methods, in the order asked.
        notes: what to know, one line each.
    """

    model: str
    task: str
    n: int
    metric: str
    by: str
    truth: str
    truth_asked: str
    truth_digest: str | None
    truth_edges: tuple[str, ...]
    edges: int
    lines: tuple[RocLine, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        lines = [
            {
                "name": line.name,
                "label": line.label,
                "metric": line.metric,
                "runs": list(line.runs),
                "reference": line.reference,
                "levels": {level: judged.to_json() for level, judged in line.levels.items()},
            }
            for line in self.lines
        ]
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            "format": FORMAT,
            **plain,
            "truth_edges": list(self.truth_edges),
            "lines": lines,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, values: Any, where: str = "roc.json") -> RocResult:
        """Read back what `to_json` gave. Raises FormatError where it is something else."""
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise FormatError(f"{where}: not written by edgewise (field 'format' is not '{FORMAT}')")
        try:
            lines = tuple(
                RocLine(
                    **{name: line[name] for name in ("name", "label", "metric", "reference")},
                    runs=tuple(line["runs"]),
                    levels={level: Judged.from_json(judged) for level, judged in line["levels"].items()},
                )
                for line in values["lines"]
            )
            plain = {name: values[name] for name in _PLAIN}
            return cls(**plain, truth_edges=tuple(values["truth_edges"]), lines=lines, notes=tuple(values["notes"]))
        except (KeyError, TypeError) as error:
            raise FormatError(f"{where}: cannot be read ({error!r}); make it again") from error


_PLAIN = ("model", "task", "n", "metric", "by", "truth", "truth_asked", "truth_digest", "edges")
