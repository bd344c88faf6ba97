"""What happens between the clean run and the run in which one edge is patched.

For an edge u -> v and a share lambda of the patch, with everything else as in the clean run,

    in_v = stream + lambda (o'_u - o_u),        c(lambda) = L(lambda) - L(0), L the metric, mean over prompts.

At 1 this is the exact effect of patching the edge; its slope at 0 is the score of edge attribution patching, so that
the line ``lambda EAP(u, v)`` is the tangent of the curve at 0. How far the two part at 1 is the error of the estimate
(Syed, Rager and Conmy, 2023, figures 5b and 10).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.engine.patching.patch import patched_logits
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.engine.run.replacement import Baseline, resample
from edgewise.engine.run.sources import accumulation_dtype
from edgewise.errors import DataError, ScoreError
from edgewise.generators import at_the_end_of
from edgewise.graph import Graph
from edgewise.graph.arrays import FloatArray
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.table.cells import Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import OnTable
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

CHANGE, CLEAN = "change", "clean"


@dataclass(frozen=True, eq=False)
class InterpolationState(OnTable):
    """Where an interpolation stands, in runs of one prompt.

    Args:
        table: the changes so far, edge after edge, and of each edge share after share.
        n_edges: how many edges there are.
    """

    table: Table
    n_edges: int

    def curves(self) -> FloatArray:
        """Mean over prompts of the change, ``[edges, shares]``. Raises ScoreError before the end."""
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} runs are done; finish the pass first")
        return np.asarray(self.table.values[CHANGE].mean(0).reshape(self.n_edges, -1), dtype=np.float64)


@one_at_a_time
def interpolating(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    edges: Sequence[str],
    shares: Sequence[float],
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[InterpolationState]:
    """Patch edges by growing shares: yields the state before the first run and after every one, the last one finished.

    Args:
        model: a loaded model; untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        edges: their names.
        shares: of the change, 0 for the clean run and 1 for the edge patched.
        metric: a metric's name, a ``Metric``, or a function; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        SelectionError: no such edge.
        DataError: no edge or share, or a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    if not edges or not shares:
        raise DataError("interpolation needs at least one edge and one share; give both")
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    graph = graph_for(model, pairs)
    places = tuple(graph.edge(name) for name in edges)
    work = _Shares(model, measured, graph, tuple((place, float(share)) for place in places for share in shares))
    table = start(model, pairs, work, conditions, stored)
    yield InterpolationState(table, len(edges))
    for filled in fill(model, pairs, work, table):
        yield InterpolationState(filled, len(edges))


@at_the_end_of(interpolating)
def interpolate(last: InterpolationState) -> FloatArray:
    """Patch edges, each alone, by growing shares of the change.

    Returns:
        Mean over prompts of L(share) - L(0), in units of the metric, ``[edges, shares]``.
    """
    return last.curves()


@dataclass(frozen=True, eq=False)
class _Shares:
    """What the table is filled with: the change for each edge and share."""

    model: Model
    metric: Metric
    graph: Graph
    targets: tuple[tuple[tuple[int, ...], float], ...]
    names: tuple[str, ...] = (CHANGE,)
    prompt_names: tuple[str, ...] = (CLEAN,)
    buffers: Buffers = field(default_factory=Buffers)

    @property
    def groups(self) -> Sequence[int]:
        return (0,) * len(self.targets)

    def open(self, batch: Batch) -> _SharesOfBatch:
        baseline = resample(self.model, batch)
        clean = patched_logits(self.model, baseline, self.masks(()), self.buffers)[0]
        values = metric_values(self.metric, clean, batch.metric, clean)
        require_finite(self.metric, values)
        return _SharesOfBatch(self, batch, baseline, clean, {CLEAN: values})

    def masks(self, targets: Sequence[int]) -> Tensor:
        """The masks of some targets, or that of the clean run where there are none."""
        kind = accumulation_dtype(self.model.dtype)
        masks = torch.zeros(max(len(targets), 1), *self.graph.mask.shape, dtype=kind, device=self.model.device)
        for row, target in enumerate(targets):
            place, share = self.targets[target]
            masks[row][place] = share
        return masks


@dataclass(frozen=True, eq=False)
class _SharesOfBatch:
    """One micro-batch of prompts."""

    work: _Shares
    batch: Batch
    baseline: Baseline
    clean: Tensor
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        work = self.work
        runs = patched_logits(work.model, self.baseline, work.masks(targets), work.buffers)
        values = [metric_values(work.metric, logits, self.batch.metric, self.clean) for logits in runs]
        return {CHANGE: torch.stack(values).double() - self.of_prompts[CLEAN].double()}
