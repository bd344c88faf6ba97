"""Scores of heads and neurons, and edges of neurons, as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from edgewise.graph.neuron_edges import NeuronEdges
from edgewise.graph.neurons import NeuronCircuit, NeuronScores

_COLUMNS = {"stderr": "stderr", "mean_abs": "mean_abs", "exact": "verified", "estimate": "estimated"}


def neurons_table(scores: NeuronScores, circuit: NeuronCircuit) -> bytes:
    """Every node as a line of CSV, the largest score first; an empty cell is a number that is not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    known = {column: array for column, name in _COLUMNS.items() if (array := getattr(scores, name)) is not None}
    writer.writerow(["node", "in_circuit", "score", *known])
    for (at,) in scores.order():
        cells = [_cell(array[at]) for array in (circuit.mask, scores.values, *known.values())]
        writer.writerow([scores.graph.name(at), *cells])
    return text.getvalue().encode()


def edges_table(edges: NeuronEdges) -> bytes:
    """Every edge of the chosen neurons as a line of CSV, the largest score first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["edge", "source", "destination", "score", "stderr"])
    for row in sorted(edges, key=lambda row: -abs(row.score)):
        stderr = "" if row.stderr is None else repr(row.stderr)
        writer.writerow([row.name, *row.name.split("->"), repr(row.score), stderr])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, np.bool_):
        return str(bool(value)).lower()
    return "" if np.isnan(value) else repr(float(value))
