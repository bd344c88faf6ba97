"""Docstring in a four-layer attention-only model: six heads, 24 edges (Heimersheim and Janiak, 2023).

The movers of the last layer say the next argument: what they look for comes from head 1.4, where they find it from
heads 1.2 and 2.0, and what they copy from the input and head 0.5.
"""

from __future__ import annotations

from edgewise.graph import Graph
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import EdgeRule, edges_of, heads
from edgewise.tasks.known.shapes import ATTN_ONLY_4L, ATTN_ONLY_NAMES

CLASSES = {
    "first-layer head": heads("0.5"),
    "feeds movers' keys": heads("1.2 2.0"),
    "feeds movers' queries": heads("1.4"),
    "argument mover": heads("3.0 3.6"),
}

RULES = (
    EdgeRule("input", "first-layer head", "v"),
    EdgeRule("input, first-layer head", "feeds movers' keys", "qk"),
    EdgeRule("input, first-layer head", "feeds movers' queries", "v"),
    EdgeRule("feeds movers' queries", "a2.h0", "v"),
    EdgeRule("input, first-layer head", "argument mover", "v"),
    EdgeRule("feeds movers' keys", "argument mover", "k"),
    EdgeRule("feeds movers' queries", "argument mover", "q"),
    EdgeRule("argument mover", "logits"),
)

CIRCUIT = KnownCircuit(
    "Docstring circuit of attn-only-4l, 24 edges (Heimersheim and Janiak, 2023)",
    edges_of(RULES, CLASSES, Graph(ATTN_ONLY_4L)),
    CLASSES,
    ATTN_ONLY_NAMES,
    ATTN_ONLY_4L,
)
