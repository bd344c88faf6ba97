"""HISP: nodes ranked by the slope of the metric when they are taken out, and edges with them.

Head importance scores for pruning (Michel et al. 2019), as the comparison of ACDC runs them (Conmy et al. 2023): the
nodes are q, k and v of each head and each MLP. With m the share of its clean value that a node has,

    slope(n) = dL/dm = sum over pos, width of (clean - corrupted) * dL/d(value)      at the clean run, of each prompt
    score(n) = |mean over prompts of slope(n)| / L2 norm of the same over the nodes of n's layer

Nodes are removed lowest score first; the score of an edge is that at which it goes. A metric that is flat at the clean
run, as KL is, has its slope taken at the corrupted run, where the same sum stands for putting the clean value back.
The comparison's public code sums the sizes of the prompts' slopes, not the slopes: that is the ranking ``mean-abs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.engine.patching.nodes import corrupted_nodes, masked_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_at, metric_values, require_finite, require_slope
from edgewise.errors import ScoreError
from edgewise.generators import at_the_end_of
from edgewise.graph import EdgeScores, Graph
from edgewise.graph.inner import edge_values, layer_groups
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.table.by_prompts import fill_by_prompts, start
from edgewise.search.table.cells import Array, Table
from edgewise.search.table.tabled import CLEAN, CORRUPTED, ScoringOnTable
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

SLOPE, STEEPEST = "slope", "steepest"


@dataclass(frozen=True, eq=False)
class HispState(ScoringOnTable):
    """Where a pass stands.

    Args:
        graph: the model's graph.
        table: the slopes so far.
    """

    graph: Graph
    table: Table

    def node_scores(self) -> Array:
        """The score of every inner node, ``[n_destinations - 1]``, from 0 to 1; that of its edge from ``input`` too.

        Raises:
            ScoreError: the pass is not finished.
        """
        return self._by_layer(np.abs(self._slopes().mean(axis=0)))

    def scores(self) -> EdgeScores:
        """The score at which each edge goes; its mean of absolutes is that by the sizes of the prompts' slopes.

        Raises:
            ScoreError: the pass is not finished.
        """
        sizes = self._by_layer(np.abs(self._slopes()).mean(axis=0))
        return EdgeScores(
            self.graph,
            edge_values(self.graph, self.node_scores(), 1.0),
            mean_abs=edge_values(self.graph, sizes, 1.0),
            n_prompts=self.total,
        )

    def _slopes(self) -> Array:
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are done; finish the pass first")
        slopes: Array = self.table.values[SLOPE]
        return slopes

    def _by_layer(self, sizes: Array) -> Array:
        scores: Array = sizes.copy()
        for nodes in layer_groups(self.graph):
            norm = float(np.linalg.norm(sizes[nodes]))
            # Rounding must not lift a layer's only node with a slope above what is never removed.
            scores[nodes] = np.minimum(sizes[nodes] / norm, 1.0) if norm > 0 else 0.0
        return scores


@one_at_a_time
def hisp(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[HispState]:
    """HISP (Michel et al. 2019), as compared with ACDC: q, k, v and MLPs by slope, and edges with their ends.

    Yields the state before the first run and after every one, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        metric: any metric with a slope, ``kl`` too; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts, or that has no slope.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    work = _Slopes(model, measured)
    table = start(model, pairs, work, conditions, stored)
    yield HispState(model.graph, table)
    for filled in fill_by_prompts(model, pairs, work, table):
        if filled.finished:
            require_slope(measured, float(filled.of_prompts[STEEPEST].max()))
        yield HispState(model.graph, filled)


@at_the_end_of(hisp)
def hisp_scores(last: HispState) -> EdgeScores:
    """Score every edge by the node importance at which it goes: two forward passes and one backward pass.

    Returns:
        Scores from 0 to 1, without a sign.
    """
    return last.scores()


@dataclass(frozen=True, eq=False)
class _Slopes:
    """What is measured: the slopes of all nodes, in one run."""

    model: Model
    metric: Metric
    names: tuple[str, ...] = (SLOPE,)
    prompt_names: tuple[str, ...] = (CLEAN, CORRUPTED, STEEPEST)

    @property
    def n_targets(self) -> int:
        return self.model.graph.logits

    def measure(self, batch: Batch) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        # The run whose slope is taken, and the other one, whose values its nodes are mixed with.
        turned = self.metric.flat_at_clean is not None
        run = replace(batch, clean=batch.corrupted, corrupted=batch.clean) if turned else batch
        other = corrupted_nodes(self.model, run)
        with torch.enable_grad():
            kept = torch.ones(
                batch.n_rows, self.n_targets, dtype=other.logits.dtype, device=other.logits.device
            ).requires_grad_()
            logits = masked_logits(self.model, other, kept)
            here, there = logits.detach(), other.logits
            clean, corrupted = (there, here) if turned else (here, there)
            point = metric_at(self.metric, here, batch.metric, clean)
            (slopes,) = torch.autograd.grad(logits, kept, point.gradient.to(logits.dtype))
        of_prompts = {
            CLEAN: metric_values(self.metric, clean, batch.metric, clean),
            CORRUPTED: metric_values(self.metric, corrupted, batch.metric, clean),
            STEEPEST: point.gradient.abs().amax((1, 2)),
        }
        require_finite(self.metric, of_prompts[CLEAN])
        return of_prompts, {SLOPE: slopes}
