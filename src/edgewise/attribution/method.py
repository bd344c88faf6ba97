"""What an attribution method is: a name and how it scores one micro-batch. The batch loop is everybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgewise.engine.attribute import BatchScores, LogitGradient
from edgewise.engine.batches import Batch
from edgewise.engine.buffers import Buffers
from edgewise.engine.passes import Passes
from edgewise.models import Model


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Args:
        name: what users type.
        summary: one line for listings, with its source.
        score: per-prompt edge scores of one micro-batch; the buffers are the pass's own, used again by the next one.
        passes: what it costs; None where nobody has said.
    """

    name: str
    summary: str
    score: Callable[[Model, Batch, LogitGradient, Buffers], BatchScores]
    passes: Passes | None = None
