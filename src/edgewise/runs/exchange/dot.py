"""Graphviz's DOT of the circuit, as `edgewise.graph.views.to_dot` has it."""

from __future__ import annotations

from edgewise.graph.views import to_dot
from edgewise.runs.exchange.format import Exchanged, Format


def write(result: Exchanged) -> bytes:
    """The text."""
    return to_dot(result.whole_circuit(), result.edge_scores("DOT")).encode()


FORMAT = Format(
    "the circuit, for Graphviz", ".dot", "-", "ours", "a picture: scores are colours and widths; not read back", write
)
