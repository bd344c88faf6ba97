"""Random scores: what every method must beat.

Independent draws of a standard normal distribution, one for every edge (or node) in the order of the graph, from a
seed. The model is run twice a prompt, for the metric of the clean and the corrupted run; no score depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.attribution.state import require_level
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import DataError
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.models import Model
from edgewise.search.given import GivenState, with_metric
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import Level
from edgewise.tasks import PromptPair, PromptSet


def random_scores(graph: Graph, seed: int = 0, level: Level = "edge") -> EdgeScores | NodeScores:
    """Scores drawn at random: the same for the same graph, seed and level.

    Args:
        graph: the model's graph.
        seed: of the draws, 0 or more.
        level: ``"edge"`` or ``"node"``.

    Raises:
        DataError: a negative seed, or no such level.
    """
    require_level(level)
    if seed < 0:
        raise DataError(f"seed is {seed}; give 0 or more")
    draw = np.random.default_rng(seed)
    if level == "node":
        return NodeScores(graph, draw.standard_normal(graph.n_sources))
    values = np.full(graph.mask.shape, np.nan)
    values[graph.mask] = draw.standard_normal(graph.n_edges)
    return EdgeScores(graph, values)


def at_random(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    seed: int = 0,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[GivenState]:
    """Scores drawn at random from a seed, the baseline of every method; the metric is measured all the same.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts.
        seed: of the scores.
        metric: any metric; the prompt set's own by default.
        level: ``"edge"`` or ``"node"``.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Returns:
        The state before the first run and after every one, the last one finished.

    Raises:
        DataError: a prompt the model cannot take, a negative seed, no such level.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    scores = random_scores(model.graph, seed, level)
    return with_metric(model, prompts, scores, metric=metric, conditions=conditions, stored=stored)
