"""A run of neurons as a table, a row for every head and neuron, in the model's order."""

from __future__ import annotations

import numpy as np

from edgewise.errors import FormatError
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.cells import KEPT
from edgewise.runs.exchange.format import Column, Format
from edgewise.runs.exchange.rows import numbers_of
from edgewise.runs.store.neurons import NeuronRun


def neuron_table(run: NeuronRun, name: str, found: Format) -> bytes:
    """The table's file. Raises FormatError for a format that is no table.

    Args:
        run: the run.
        name: of the format.
        found: the format.
    """
    if found.table is None:
        tables = ", ".join(one for one in FORMATS if FORMATS.load(one).table is not None)
        raise FormatError(f"{run.folder}: holds a run of neurons, and {name} is of edges and nodes; use {tables}")
    return found.table(neuron_columns(run))


def neuron_columns(run: NeuronRun) -> dict[str, Column]:
    """By name, a value for every head and neuron: node, layer, in_circuit, score, and what else is known."""
    graph = run.scores.graph
    every = np.ones(graph.n_nodes, dtype=np.bool_)
    columns = {"node": [graph.name(at) for at in range(graph.n_nodes)], "layer": graph.layers.tolist()}
    return {**columns, KEPT: run.circuit.mask.tolist(), **numbers_of(run.scores, every)}
