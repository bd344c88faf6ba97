"""EAP then ACDC (Syed et al. 2023, section 5): edges that EAP calls weak go at once, ACDC tests the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from edgewise.attribution import attribute
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.tasks import PromptPair, PromptSet


def first_scores(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    metric: AnyMetric,
    *,
    batch_size: int | None = None,
    max_memory: int | None = None,
) -> EdgeScores:
    """EAP's scores of all edges, by ACDC's metric; by the prompts' own where ACDC's is flat at the clean run, as KL is.

    Args:
        model: the model.
        prompts: the prompts that ACDC will be given.
        metric: ACDC's.
        batch_size: prompts a micro-batch; by default what memory allows.
        max_memory: bytes that the process (on CUDA: this device) may use in all; by default what is free.
    """
    measured = None if get_metric(metric).flat_at_clean else metric
    (last,) = deque(attribute(model, prompts, metric=measured, batch_size=batch_size, max_memory=max_memory), maxlen=1)
    scores = last.scores()
    if not isinstance(scores, EdgeScores):
        raise ScoreError("EAP scored nodes where edges were asked for")
    return scores
