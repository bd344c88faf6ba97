"""What an attribution method is: a name and how it scores one micro-batch. The batch loop is everybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgewise.engine.attribute import BatchScores, LogitGradient
from edgewise.engine.batches import Batch
from edgewise.models import Model


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Args:
        name: what users type.
        summary: one line for listings, with its source.
        score: per-prompt edge scores of one micro-batch.
    """

    name: str
    summary: str
    score: Callable[[Model, Batch, LogitGradient], BatchScores]
