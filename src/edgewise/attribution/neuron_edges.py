"""Scores of the edges of a few neurons, by EAP's gradient: see `edgewise.engine.gradients.neuron_edges`.

All edges from neuron to neuron are about half the square of the number of neurons, a billion in a model of 50,000, and
most say nothing: so the edges of those that matter are scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.attribution.loop import checked, rows_at_first
from edgewise.attribution.neuron_pass import NeuronState, over_prompts
from edgewise.engine.gradients.neuron_edges import neuron_edges
from edgewise.engine.run.buffers import Buffers
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import ScoreError, SelectionError
from edgewise.generators import at_the_end_of
from edgewise.graph import Graph
from edgewise.graph.neuron_edges import NeuronEdges
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.models.neurons import neuron_graph
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True)
class NeuronEdgeState:
    """Where a pass over the edges of some neurons stands.

    Args:
        graph: of the model.
        neurons: their names.
        state: the sums so far.
    """

    graph: Graph
    neurons: tuple[str, ...]
    state: NeuronState

    @property
    def finished(self) -> bool:
        """Whether every prompt is done."""
        return self.state.finished

    @property
    def done(self) -> int:
        """Prompts done."""
        return self.state.done

    @property
    def total(self) -> int:
        """Prompts in all."""
        return self.state.total

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The sums as arrays, for storage."""
        return self.state.tensors()

    def edges(self) -> NeuronEdges:
        """The scores of a finished pass. Raises ScoreError for an unfinished one."""
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are scored; finish the pass first")
        moments, end = self.state.moments, self.graph.n_sources + len(self.neurons)
        (into, out_of), (into_error, out_error) = (
            np.split(array, [end], axis=-1) for array in (moments.mean, moments.stderr())
        )
        return NeuronEdges(self.graph, self.neurons, into, out_of, into_error, out_error)


@one_at_a_time
def attribute_neuron_edges(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    neurons: Sequence[str],
    *,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[NeuronEdgeState]:
    """Score the edges of a few neurons by EAP's gradient: yields the state after every micro-batch.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        neurons: names, such as ``"m5.n123"``.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        SelectionError: no such neuron, or none at all.
        UnsupportedModelError: a model without MLPs, or with experts.
        EdgewiseError: as `attribute_neurons`.
    """
    chosen, measured, pairs = checked(model, prompts, "eap", metric)
    graph, edges = neuron_graph(model), model.graph
    nodes = _neurons(graph, neurons)
    width = edges.n_sources + len(nodes) + edges.n_destinations
    if stored is None:
        # The graph of the run is kept for the neurons' own gradients.
        rows = rows_at_first(model, pairs, conditions, 2.0 * chosen.activations)
        state = NeuronState.start(graph, rows, len(pairs), (len(nodes), width))
    else:
        state = NeuronState.from_tensors(stored, graph)
    score = partial(neuron_edges, buffers=Buffers(), nodes=nodes)
    for at in over_prompts(model, pairs, measured, score, state):
        yield NeuronEdgeState(edges, tuple(graph.name(node) for node in nodes), at)


@at_the_end_of(attribute_neuron_edges)
def score_neuron_edges(last: NeuronEdgeState) -> NeuronEdges:
    """Score the edges of a few neurons: into each from every source, out of it to every destination.

    ``score(u -> n)`` estimates what the metric becomes when the neuron alone reads the corrupted output of u, ``score(n
    -> v)`` when v alone reads what the neuron writes on the corrupted prompt; minus what it is.

    Returns:
        Mean and standard error over prompts of every edge.
    """
    return last.edges()


def _neurons(graph: NeuronGraph, names: Sequence[str]) -> list[int]:
    found = graph.nodes(names)
    heads = [graph.name(node) for node in found if not graph.is_neuron[node]]
    if heads or not found:
        raise SelectionError(
            f"'{heads[0]}' is a head, and no neuron; its edges are scored by score_edges"
            if heads
            else "no neuron was chosen; choose at least one"
        )
    return found
