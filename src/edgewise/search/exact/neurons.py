"""The exact effects of some heads and neurons, each measured by a run in which it alone is replaced.

``effect(n) = L(clean run, but n carries its corrupted activation at every position) - L(clean run)`` for every prompt.
A run begins at the node's layer: what comes before is the clean run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgewise.attribution.moments import Moments
from edgewise.engine.partial.exact import SinglePatches
from edgewise.engine.run.activations import CorruptedActivations, Site, corrupted_activations, sites
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.engine.run.metric_gradient import metric_values, require_finite
from edgewise.engine.run.replacement import resample_from
from edgewise.engine.run.sources import SourceOutputs
from edgewise.errors import DataError, ScoreError
from edgewise.generators import at_the_end_of
from edgewise.graph.arrays import BoolArray
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.metrics import Metric, MetricBatch
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.models.neurons import neuron_graph
from edgewise.search.table.cells import Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import CLEAN, CORRUPTED, OnTable
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

EFFECT = "effect"


@dataclass(frozen=True, eq=False)
class NeuronPatchingState(OnTable):
    """Where a pass stands, in runs of one prompt.

    Args:
        graph: the heads and neurons.
        nodes: those that are patched, in order.
        table: the effects so far.
    """

    graph: NeuronGraph
    nodes: tuple[int, ...]
    table: Table

    def scores(self) -> NeuronScores:
        """Mean, standard error and mean of absolutes of the effects over prompts; NaN where none was asked for.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} runs are done; finish the pass first")
        moments = Moments.none((len(self.nodes),)).add(self.table.values[EFFECT])
        return NeuronScores(
            self.graph,
            self._spread(moments.mean),
            stderr=self._spread(moments.stderr()),
            mean_abs=self._spread(moments.mean_abs),
            n_prompts=moments.count,
            allow_unscored=True,
        )

    def _spread(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        full = np.full(self.graph.n_nodes, np.nan)
        full[list(self.nodes)] = values
        return full


@one_at_a_time
def patching_neurons(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    nodes: Sequence[str] | BoolArray,
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[NeuronPatchingState]:
    """Exact effect of replacing each of some heads and neurons alone: at most a forward pass for each and prompt.

    Yields the state before the first run and after every one, the last one finished.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        nodes: names, such as ``"m5.n123"`` and ``"a3.h7"``, or a mask ``[n_nodes]``.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        SelectionError: no such head or neuron.
        UnsupportedModelError: a model without MLPs, or with experts.
        DataError: a prompt the model cannot take, or no node at all.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    measured, graph = metric_for(prompts, metric), neuron_graph(model)
    chosen = _chosen(graph, nodes)
    pairs = usable(model, prompts, measured)
    work = MeasureNeurons(model, measured, sites(model), chosen)
    table = start(model, pairs, work, conditions, stored)
    state = NeuronPatchingState(graph, chosen, table)
    yield state
    for filled in fill(model, pairs, work, table):
        yield replace(state, table=filled)


@at_the_end_of(patching_neurons)
def patch_neurons(last: NeuronPatchingState) -> NeuronScores:
    """Measure the exact effect of replacing each of some heads and neurons alone by its corrupted activation.

    Returns:
        ``L(patched) - L(clean)``: mean, standard error and mean of absolutes over prompts; NaN where not asked for.
    """
    return last.scores()


def with_exact(estimates: NeuronScores, effects: NeuronScores) -> NeuronScores:
    """Scores whose measured effects stand in the place of their estimates.

    Args:
        estimates: of every node.
        effects: NaN where nothing was measured.
    """
    known = ~np.isnan(effects.values)

    def mixed(name: str) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = np.where(known, getattr(effects, name), getattr(estimates, name))
        return found

    return replace(
        estimates,
        values=mixed("values"),
        stderr=mixed("stderr"),
        mean_abs=mixed("mean_abs"),
        verified=known,
        estimated=estimates.values,
    )


def _chosen(graph: NeuronGraph, nodes: Sequence[str] | BoolArray) -> tuple[int, ...]:
    if isinstance(nodes, np.ndarray):
        found = np.flatnonzero(NeuronCircuit(graph, nodes).mask).tolist()
    else:
        found = graph.nodes(nodes)
    if not found:
        raise DataError("no head and no neuron was chosen; choose at least one")
    return tuple(found)


@dataclass(frozen=True, eq=False)
class MeasureNeurons:
    """What is measured: each node replaced alone."""

    model: Model
    metric: Metric
    places: tuple[Site, ...]
    nodes: tuple[int, ...]
    names: tuple[str, ...] = (EFFECT,)
    prompt_names: tuple[str, ...] = (CLEAN, CORRUPTED)

    @property
    def groups(self) -> Sequence[int]:
        """Those of one site are run together."""
        return [self._place(node) for node in self.nodes]

    def site(self, target: int) -> Site:
        """Where a target stands."""
        return self.places[self._place(self.nodes[target])]

    def open(self, batch: Batch) -> _NeuronsOfBatch:
        """Run the prompts clean and corrupted."""
        outputs = SourceOutputs(batch.start)
        corrupted = corrupted_activations(self.model, self.places, batch, outputs)
        tokens, named = batch.metric.of_answers() if self.metric.answers_alone else (None, batch.metric)
        patches = SinglePatches(self.model, resample_from(batch, outputs, corrupted.cache), tokens)
        clean = metric_values(self.metric, patches.clean_logits, batch.metric, patches.clean_logits)
        require_finite(self.metric, clean)
        of_prompts = {
            CLEAN: clean,
            CORRUPTED: metric_values(self.metric, corrupted.logits, batch.metric, patches.clean_logits),
        }
        return _NeuronsOfBatch(self, named if patches.narrowed else batch.metric, patches, corrupted, of_prompts)

    def _place(self, node: int) -> int:
        return next(at for at, site in enumerate(self.places) if node < site.nodes.stop)


@dataclass(frozen=True, eq=False)
class _NeuronsOfBatch:
    """One micro-batch of prompts."""

    work: MeasureNeurons
    answers: MetricBatch
    patches: SinglePatches
    corrupted: CorruptedActivations
    of_prompts: Mapping[str, Tensor]

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        """The effects of some nodes of one site."""
        site = self.work.site(targets[0])
        within = [self.work.nodes[target] - site.nodes.start for target in targets]
        change = partial(_one_a_copy, site.each, within, self.corrupted.values[site])
        logits = self.patches.given(site.layer, len(within), site.module, change)
        values = torch.stack([self._metric(one) for one in logits])
        return {EFFECT: values.double() - self._metric(self.patches.unpatched).double()}

    def _metric(self, logits: Tensor) -> Tensor:
        return metric_values(self.work.metric, logits, self.answers, self.patches.unpatched)


def _one_a_copy(each: int, nodes: Sequence[int], other: Tensor, own: Tensor) -> Tensor:
    """Activations in which each copy of the prompts has one node replaced."""
    changed = own.clone()
    for copy, node in zip(changed.unflatten(0, (len(nodes), -1)), nodes, strict=True):
        at = slice(node * each, (node + 1) * each)
        copy[..., at] = other[..., at]
    return changed
