"""Exact activation patching: the effect of each edge, or of each node, measured by a run in which it alone is patched.

``effect(u -> v) = L(clean run, but v reads o'_u in place of o_u) - L(clean run)`` for every prompt, L the metric; of a
node, all its edges are patched together. A run begins where its patch acts: what comes before is the clean run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.attribution.moments import Moments
from edgewise.attribution.resamples import Resamples
from edgewise.attribution.state import require_level
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.engine.run.replacement import corrupted_run, resample_from
from edgewise.errors import DataError, ScoreError
from edgewise.generators import at_the_end_of
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.graph.arrays import BoolArray
from edgewise.metrics import Metric, MetricBatch
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.search.exact.targets import Targets, named_edges, named_nodes
from edgewise.search.table.cells import Array, Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import CLEAN, CORRUPTED, ScoringOnTable
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import Level
from edgewise.tasks import PromptPair, PromptSet

EFFECT = "effect"


@dataclass(frozen=True, eq=False)
class PatchingState(ScoringOnTable):
    """Where a pass of activation patching stands.

    Args:
        targets: the edges or nodes that are patched.
        level: which of the two they are.
        per_prompt: whether scores keep the effects of single prompts.
        table: the effects so far.
        bootstrap: of how many resamples of the prompts scores keep the means.
        seed: of these resamples.
    """

    targets: Targets
    level: Level
    per_prompt: bool
    table: Table
    bootstrap: int = 0
    seed: int = 0

    @property
    def done(self) -> int:
        """Runs done, in forward passes of one prompt."""
        return round(self.table.passed(self.targets.costs))

    @property
    def total(self) -> int:
        """All runs, in forward passes of one prompt."""
        return max(1, round(self.table.n_prompts * float(self.targets.costs.sum())))

    def scores(self) -> EdgeScores | NodeScores:
        """Mean, standard error and mean of absolutes of the effects over prompts; NaN where none was asked for.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} forward passes are done; finish the pass first")
        effects, spread = self.table.values[EFFECT], self.targets.spread
        moments = Moments.none((len(self.targets),)).add(effects)
        kind = NodeScores if self.level == "node" else EdgeScores
        resampled, half_width = self._over_resamples(effects, moments)
        return kind(
            self.targets.graph,
            spread(moments.mean),
            stderr=spread(moments.stderr()),
            mean_abs=spread(moments.mean_abs),
            per_prompt=spread(effects) if self.per_prompt else None,
            resampled=resampled,
            half_width=half_width,
            n_prompts=moments.count,
            allow_unscored=True,
        )

    def _over_resamples(self, effects: Array, moments: Moments) -> tuple[Array | None, Array | None]:
        """Means over resamples, and half of each score's interval; None where no resamples were asked for."""
        if not self.bootstrap:
            return None, None
        every = np.ones(len(self.targets), dtype=np.bool_)
        resamples = Resamples.none(self.bootstrap, len(effects), every, self.seed).add(range(len(effects)), effects)
        widths = resamples.half_widths(moments.mean, moments.stderr())
        return self.targets.spread(resamples.means()), self.targets.spread(widths)


@one_at_a_time
def patching(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    only: Sequence[str] | BoolArray | None = None,
    per_prompt: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[PatchingState]:
    """Exact effect of patching each edge alone: about a third of a forward pass for each edge and prompt.

    Yields the state before the first run and after every one, the last one finished. A state that was yielded is good
    until the next one is asked for.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default. Any metric will do, ``kl`` too.
        level: ``"edge"`` or ``"node"``: a node is patched along all its edges together.
        only: names or patterns of edges (or nodes), such as ``"a0.h1->m3"`` and ``"*->logits"``, or a mask of edges
            in the shape of the graph's; all by default.
        per_prompt: keep every prompt's own effects too.
        bootstrap: keep the means over so many resamples of the prompts too.
        seed: of these resamples.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        SelectionError: no such edge or node.
        ScoreError: logits that are not finite.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    targets = targets_of(graph_for(model, pairs), level, only)
    work = Measure(model, measured, targets, level)
    table = start(model, pairs, work, conditions, stored)
    state = PatchingState(targets, level, per_prompt, table, bootstrap, seed)
    yield state
    for filled in fill(model, pairs, work, table):
        yield replace(state, table=filled)


@at_the_end_of(patching)
def patch_edges(last: PatchingState) -> EdgeScores | NodeScores:
    """Measure the exact effect of patching each edge (or node) alone, by its paired corrupted value.

    Returns:
        ``L(patched) - L(clean)``: mean, standard error and mean of absolutes over prompts; NaN where not asked for.
    """
    return last.scores()


def targets_of(graph: Graph, level: str, only: Sequence[str] | BoolArray | None) -> Targets:
    """The edges or nodes that a pass patches; arguments and errors are those of `patching`."""
    require_level(level)
    if level == "node" and graph.places:
        raise DataError("edges are kept apart by place, and not nodes; leave --positions out, or --level node")
    if level == "node":
        if isinstance(only, np.ndarray):
            raise DataError("a mask chooses edges; give names or patterns with level 'node'")
        return Targets.nodes(graph, None if only is None else named_nodes(graph, only))
    chosen = only if only is None or isinstance(only, np.ndarray) else named_edges(graph, only)
    targets = Targets.edges(graph, chosen)
    if not len(targets):
        raise DataError("no edge was chosen; choose at least one")
    return targets


@dataclass(frozen=True, eq=False)
class Measure:
    """What activation patching measures."""

    model: Model
    metric: Metric
    targets: Targets
    level: Level
    names: tuple[str, ...] = (EFFECT,)
    prompt_names: tuple[str, ...] = (CLEAN, CORRUPTED)

    @property
    def groups(self) -> Sequence[int]:
        return self.targets.groups

    def open(self, batch: Batch) -> _EffectsOfBatch:
        outputs, corrupted, cache = corrupted_run(self.model, batch)
        tokens, named = batch.metric.of_answers() if self.metric.answers_alone else (None, batch.metric)
        patches = SinglePatches(self.model, resample_from(batch, outputs, cache), tokens)
        clean = metric_values(self.metric, patches.clean_logits, batch.metric, patches.clean_logits)
        require_finite(self.metric, clean)
        of_prompts = {
            CLEAN: clean,
            CORRUPTED: metric_values(self.metric, corrupted, batch.metric, patches.clean_logits),
        }
        return _EffectsOfBatch(self, named if patches.narrowed else batch.metric, patches, of_prompts)


@dataclass(frozen=True, eq=False)
class _EffectsOfBatch:
    """One micro-batch of prompts."""

    work: Measure
    answers: MetricBatch
    patches: SinglePatches
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        places = [self.work.targets.places[target] for target in targets]
        if self.work.level == "node":
            logits = self.patches.nodes([row for (row,) in places])
        else:
            logits = self.patches.edges(places)
        values = torch.stack([self._metric(one) for one in logits])
        return {EFFECT: values.double() - self._metric(self.patches.unpatched).double()}

    def _metric(self, logits: Tensor) -> Tensor:
        return metric_values(self.work.metric, logits, self.answers, self.patches.unpatched)
