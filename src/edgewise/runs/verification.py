"""A run's scores beside exact effects: what `verify` found, as values and as the JSON that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgewise.errors import FormatError
from edgewise.evaluation.agreement import Agreement
from edgewise.evaluation.verdict import verdict

NAME = "verification"
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
        chosen: ``"largest"`` for its score, ``"drawn"`` at random, or ``"verified"`` in the run, whose exact effect its
            score is.
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


@dataclass(frozen=True)
class Verification:
    """What a verification found.

    Args:
        folder: that of the run.
        asked: what decided it.
        metric: the metric's name.
        n_prompts: number of prompts.
        batch_size: prompts a micro-batch.
        unscored: how many have no score, and were left out.
        agreement: the statistics.
        effects: all that were measured, the most wrong first.
        reused: whether it was there already and nothing was measured.
    """

    folder: Path
    asked: Mapping[str, Any] = field(hash=False)
    metric: str
    n_prompts: int
    batch_size: int
    unscored: int
    agreement: Agreement
    effects: tuple[Effect, ...]
    reused: bool = False

    @property
    def level(self) -> str:
        """``"edge"`` or ``"node"``."""
        return str(self.asked["level"])

    @property
    def verdict(self) -> str:
        """How far the scores can be trusted, in one sentence."""
        return verdict(self.agreement, self.level)

    def results(self) -> dict[str, Any]:
        """Return what is stored of it, beside what was asked, as JSON values."""
        return {
            "metric": self.metric,
            "n_prompts": self.n_prompts,
            "batch_size": self.batch_size,
            "unscored": self.unscored,
            "verdict": self.verdict,
            "agreement": self.agreement.to_json(),
            "effects": [asdict(effect) for effect in self.effects],
        }

    @classmethod
    def from_json(cls, folder: Path, values: Mapping[str, Any], *, reused: bool) -> Verification:
        """Read what `results` gave and an analysis stored.

        Raises:
            FormatError: a field that is missing or unknown.
        """
        plain = ("asked", "metric", "n_prompts", "batch_size", "unscored")
        try:
            return cls(
                folder,
                **{name: values[name] for name in plain},
                agreement=Agreement.from_json(values["agreement"]),
                effects=tuple(Effect(**effect) for effect in values["effects"]),
                reused=reused,
            )
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"{folder / NAME}.json: written by another edgewise ({error!r}); use --overwrite to measure again"
            ) from error
