"""Which heads and neurons make the circuit: a rule, applied."""

from __future__ import annotations

import math

import numpy as np

from edgewise.errors import RunError, SelectionError
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.settings import flag
from edgewise.settings.selection import DEFAULT_FRACTION, DEFAULT_LEAST, Selection

NEURONS_AND_HEADS = "heads and neurons"
_OF_EDGES = ("greedy", "prune", "stable")


def require_rule(selection: Selection) -> None:
    """Refuse what a rule cannot ask for of neurons. Raises RunError."""
    for name in _OF_EDGES:
        if getattr(selection, name):
            raise RunError(f"{flag(name)} is of edges and nodes; leave it out with --level neuron")


def require_so_many(selection: Selection, graph: NeuronGraph) -> None:
    """Refuse more nodes than there are. Raises SelectionError."""
    if selection.top is not None and selection.top > graph.n_nodes:
        raise SelectionError(
            f"--top is {selection.top}, but the model has {graph.n_nodes} heads and neurons; give at most"
            f" {graph.n_nodes}"
        )


def select_neurons(scores: NeuronScores, selection: Selection) -> NeuronCircuit:
    """Apply a rule to scores; one whose size is to be measured stands for its default size until it is.

    Raises:
        SelectionError: more nodes asked for than there are.
    """
    if selection.threshold is not None:
        ranks = scores.ranking(selection.by)
        return NeuronCircuit(scores.graph, np.asarray(ranks >= selection.threshold, dtype=np.bool_))
    return scores.best(_count(selection, len(scores)), selection.by)


def _count(selection: Selection, total: int) -> int:
    if selection.top is not None:
        return selection.top
    share = DEFAULT_FRACTION["neuron"] if selection.fraction is None else selection.fraction
    least = DEFAULT_LEAST["neuron"] if selection.fraction is None else 1
    return min(total, max(least, math.floor(share * total + 1e-9)))
