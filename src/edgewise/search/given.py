"""Scores that are there already, beside the metric of the prompts: the model is run twice a prompt and no score depends
on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from torch import Tensor

from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores, NodeScores
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.table.cells import Array, Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import CLEAN, CORRUPTED, ScoringOnTable
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True, eq=False)
class GivenState(ScoringOnTable):
    """Where the measuring of the metric stands.

    Args:
        given: the scores.
        table: the metric of the prompts so far.
    """

    given: EdgeScores | NodeScores
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
        return self.given


@one_at_a_time
def with_metric(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    scores: EdgeScores | NodeScores,
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[GivenState]:
    """Measure the metric of every prompt, clean and corrupted, for scores that are there already.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts.
        scores: handed on as they are.
        metric: any metric; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Yields:
        The state before the first run and after every one, the last one finished.

    Raises:
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    work = _AllPatched(model, measured)
    table = start(model, pairs, work, conditions, stored)
    yield GivenState(scores, table)
    for filled in fill(model, pairs, work, table):
        yield GivenState(scores, filled)


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
