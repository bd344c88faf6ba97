"""What came of several finished runs beside each other, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgewise.engine.run.passes import Passes
from edgewise.errors import FormatError
from edgewise.evaluation.comparison import Matrix
from edgewise.evaluation.result import Point, Spread
from edgewise.notebook import ShownInNotebook
from edgewise.runs.contest.against import Against
from edgewise.runs.evaluated import EvaluatedPrompts


@dataclass(frozen=True)
class FoundOn:
    """The prompts that a run was made with."""

    what: str
    n: int
    fingerprint: str


@dataclass(frozen=True)
class ComparedRun:
    """One of the runs: how its circuit was found, what that cost, and how good it is.

    Args:
        folder: as it was given.
        prompts: it was found on.
        metric: it was found by.
        passes: what the method cost; None where that is not known.
        seconds: that its scores took; None where that is not known.
        faithfulness: and the rest, of its evaluation on the comparison's prompts by the comparison's metric.
        curve: without random rankings, which are the comparison's.
    """

    folder: str
    method: str
    settings: Mapping[str, Any] = field(hash=False)
    level: str
    metric: str
    prompts: FoundOn
    rule: str
    circuit_edges: int
    passes: Passes | None
    seconds: float | None
    faithfulness: float | None
    faithfulness_stderr: float | None
    cpr: float | None
    cmd: float | None
    no_curve: str | None
    kl: float
    note: str | None
    curve: tuple[Point, ...] | None


@dataclass(frozen=True)
class RandomPoint:
    """Faithfulness of random rankings at one size; None where it is undefined."""

    fraction: float
    size: int
    edges: int
    random: Spread | None

    @property
    def mean(self) -> float | None:
        """Their mean."""
        return None if self.random is None else self.random.mean


@dataclass(frozen=True)
class RandomRankings:
    """What random rankings reach: areas, and faithfulness by size."""

    cpr: Spread | None
    cmd: Spread | None
    curve: tuple[RandomPoint, ...]


@dataclass(frozen=True, repr=False)
class Comparison(ShownInNotebook):
    """What a comparison found; rows and columns of the matrices are the runs.

    Args:
        model: its name.
        edges: how many it has.
        metric: all are evaluated by.
        prompts: all are evaluated on.
        runs: in the order given.
        overlap: and the other matrices, see `edgewise.evaluation.comparison.Likeness`.
        random: what random rankings reach; None where none were run.
        known: what each has of a circuit that is known beforehand; None where none is.
        notes: in what the runs differ beside their method, one line each.
        warnings: one line each.
    """

    model: str
    edges: int
    metric: str
    prompts: EvaluatedPrompts
    runs: tuple[ComparedRun, ...]
    overlap: Matrix
    rank_correlation: Matrix
    rank_correlation_of_sizes: Matrix
    both_scored: tuple[tuple[int, ...], ...]
    random: RandomRankings | None
    known: Against | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the matrices are of the runs, and all curves of the same sizes."""
        for name in ("overlap", "rank_correlation", "rank_correlation_of_sizes", "both_scored"):
            rows = getattr(self, name)
            if {len(self.runs)} != {len(rows), *map(len, rows)}:
                raise FormatError(f"field '{name}': not a row and a column for each of {len(self.runs)} runs")
        curves = [run.curve for run in self.runs if run.curve is not None]
        if len({len(curve) for curve in (*curves, *([self.random.curve] if self.random else ()))}) > 1:
            raise FormatError("field 'runs': curves of different lengths")

    def __repr__(self) -> str:
        """Show the runs and how faithful each circuit is."""
        runs = ", ".join(f"{run.folder} {_shown(run.faithfulness)}" for run in self.runs)
        return f"Comparison({len(self.runs)} runs of {self.model}, faithfulness: {runs})"


def _shown(faithfulness: float | None) -> str:
    return "undefined" if faithfulness is None else f"{faithfulness:.3f}"
