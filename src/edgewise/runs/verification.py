"""A run's scores beside exact effects: what `verify` found, as values and as the JSON that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewise.evaluation.agreement import Agreement
from edgewise.evaluation.criteria import Criterion
from edgewise.graph.stated_error import StatedError
from edgewise.notebook import ShownInNotebook
from edgewise.runs.store.codec import NOT_STORED
from edgewise.runs.store.names import VERIFICATION

NAME = VERIFICATION
LARGEST, DRAWN, VERIFIED = "largest", "drawn", "verified"


@dataclass(frozen=True)
class Effect:
    """One edge or node that was measured, in units of the metric.

    Args:
        name: such as ``"a0.h1->m3"``.
        score: what the run's method gave.
        score_stderr: its standard error over prompts; None where it is not known.
        exact: L(patched alone) - L(clean), mean over prompts.
        exact_stderr: its standard error over prompts; None for one prompt.
        chosen: ``"largest"`` for what is in doubt about its score, ``"drawn"`` at random, or ``"verified"`` in the run,
            whose exact effect its score is.
        in_circuit: whether the run's circuit keeps it.
    """

    name: str
    score: float
    score_stderr: float | None
    exact: float
    exact_stderr: float | None
    chosen: str
    in_circuit: bool

    @property
    def error(self) -> float:
        """Exact effect minus score."""
        return self.exact - self.score


@dataclass(frozen=True, repr=False)
class Verification(ShownInNotebook):
    """What a verification found.

    Args:
        metric: the metric's name.
        n_prompts: number of prompts.
        batch_size: prompts a micro-batch.
        unscored: how many have no score, and were left out.
        verdict: how far the scores can be trusted, in one sentence or two.
        criteria: what it goes by: each passes, fails, or is undecided.
        agreement: the statistics.
        effects: all that were measured, the most wrong first.
        stated: the remaining squared error and its 90 % limit, as a run states them; None where all was measured, or
            too little drawn.
        folder: that of the run.
        asked: what decided it.
        reused: whether it was there already and nothing was measured.
    """

    metric: str
    n_prompts: int
    batch_size: int
    unscored: int
    verdict: str
    criteria: tuple[Criterion, ...]
    agreement: Agreement
    effects: tuple[Effect, ...]
    stated: StatedError | None = None
    folder: Path = field(default=Path(), metadata=NOT_STORED)
    asked: Mapping[str, Any] = field(default_factory=dict, hash=False, metadata=NOT_STORED)
    reused: bool = field(default=False, metadata=NOT_STORED)

    def __repr__(self) -> str:
        """Show how many were measured, and the verdict."""
        said = self.agreement
        return f"Verification({said.measured:,} of {said.population:,} {self.level}s measured: {self.verdict})"

    @property
    def level(self) -> str:
        """``"edge"`` or ``"node"``."""
        return str(self.asked["level"])
