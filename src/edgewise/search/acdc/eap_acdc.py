"""EAP then ACDC (Syed et al. 2023, section 5): edges that EAP calls weak go at once, ACDC tests the others."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.attribution import estimate_edges
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


def first_scores(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    metric: AnyMetric,
    *,
    conditions: Conditions = Conditions(),
) -> EdgeScores:
    """EAP's scores of all edges, by ACDC's metric; by the prompts' own where ACDC's is flat at the clean run, as KL is.

    Args:
        model: the model.
        prompts: the prompts that ACDC will be given.
        metric: ACDC's.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
    """
    measured = None if get_metric(metric).flat_at_clean else metric
    scores = estimate_edges(model, prompts, metric=measured, conditions=conditions, method="eap")
    if not isinstance(scores, EdgeScores):
        raise ScoreError("EAP scored nodes where edges were asked for")
    return scores
