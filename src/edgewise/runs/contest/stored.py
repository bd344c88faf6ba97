"""Stored exact effects as a contest's reference: those of the same model file, prompts and metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgewise.errors import RunError
from edgewise.evaluation.agreement import Agreement
from edgewise.evaluation.stored_sample import agreement_with_sample
from edgewise.graph import EdgeScores
from edgewise.runs.contest.play import Ground
from edgewise.runs.store.effects import StoredEffects, read_effects

PATTERN = "*.safetensors"


def stored_effects(folder: str | Path) -> tuple[StoredEffects, ...]:
    """All of a folder.

    Raises:
        RunError: it holds none.
        FormatError: a file of it is something else.
    """
    files = sorted(Path(folder).glob(PATTERN))
    if not files:
        raise RunError(f"{folder}: holds no stored effects ({PATTERN}); give the folder of some, or leave it out")
    return tuple(read_effects(file) for file in files)


def effects_for(ground: Ground, every: Sequence[StoredEffects]) -> StoredEffects | None:
    """Those that were measured on a ground's model, prompts and metric, if any."""
    asked = (ground.digest, ground.prompts, ground.metric)
    return next((one for one in every if (one.about.digest, one.about.prompts, one.about.metric.name) == asked), None)


def agreement_with(effects: StoredEffects, scores: EdgeScores, k: int) -> Agreement:
    """How far scores agree with them, all edges or a sample."""
    of_all = scores.values[effects.graph.mask].astype(float)
    return agreement_with_sample(of_all, effects.effect, effects.edge, effects.probability, k)
