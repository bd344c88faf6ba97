"""Random scores: what every method must beat.

Independent draws of a standard normal distribution, one for every edge (or node) in the order of the graph, from a
seed. The model is run twice a prompt, for the metric of the clean and the corrupted run; no score depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from edgewise.attribution.state import require_level
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.errors import DataError, ScoreError
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.table.cells import Array, Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import CLEAN, CORRUPTED, ScoringOnTable
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


@dataclass(frozen=True, eq=False)
class RandomState(ScoringOnTable):
    """Where the measuring of the metric stands.

    Args:
        graph: the model's graph.
        seed: of the scores.
        level: edges or nodes.
        table: the metric of the prompts so far.
    """

    graph: Graph
    seed: int
    level: Level
    table: Table

    @property
    def corrupted_metric(self) -> Array:
        """The metric of every prompt on the corrupted run, ``[n_prompts]``."""
        return self.table.values[CORRUPTED][:, 0]

    def scores(self) -> EdgeScores | NodeScores:
        """The scores.

        Raises:
            ScoreError: the metric is not measured yet.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are done; finish the pass first")
        return random_scores(self.graph, self.seed, self.level)


@one_at_a_time
def at_random(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    seed: int = 0,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[RandomState]:
    """Scores drawn at random from a seed, the baseline of every method; the metric is measured all the same.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts.
        seed: of the scores.
        metric: any metric; the prompt set's own by default.
        level: ``"edge"`` or ``"node"``.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Yields:
        The state before the first run and after every one, the last one finished.

    Raises:
        DataError: a prompt the model cannot take, a negative seed, no such level.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    graph = graph_for(model, prompts)
    random_scores(graph, seed, level)
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    work = _AllPatched(model, measured)
    table = start(model, pairs, work, conditions, stored)
    yield RandomState(graph, seed, level, table)
    for filled in fill(model, pairs, work, table):
        yield RandomState(graph, seed, level, filled)


@dataclass(frozen=True, eq=False)
class _AllPatched:
    """What is measured: one target, every edge patched."""

    model: Model
    metric: Metric
    names: tuple[str, ...] = (CORRUPTED,)
    prompt_names: tuple[str, ...] = (CLEAN,)
    groups: Sequence[int] = (0,)

    def open(self, batch: Batch) -> _AllPatchedOfBatch:
        clean = self.logits(batch, batch.clean)
        values = metric_values(self.metric, clean, batch.metric, clean)
        require_finite(self.metric, values)
        return _AllPatchedOfBatch(self, batch, clean, {CLEAN: values})

    def logits(self, batch: Batch, ids: Tensor) -> Tensor:
        with borrowed(self.model.module) as hooks:
            return logits_at(self.model, hooks, ids, batch.answers)


@dataclass(frozen=True, eq=False)
class _AllPatchedOfBatch:
    """One micro-batch, run clean."""

    work: _AllPatched
    batch: Batch
    clean: Tensor
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        corrupted = self.work.logits(self.batch, self.batch.corrupted)
        values = metric_values(self.work.metric, corrupted, self.batch.metric, self.clean)
        return {CORRUPTED: values[None].expand(len(targets), -1)}
