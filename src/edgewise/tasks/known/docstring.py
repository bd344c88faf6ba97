"""Docstring in a four-layer attention-only model: six heads, 24 edges (Heimersheim and Janiak, 2023).

The movers of the last layer say the next argument: what they look for comes from head 1.4, where they find it from
heads 1.2 and 2.0, and what they copy from the input and head 0.5.
"""

from __future__ import annotations

from edgewise.graph import Graph
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import Rule, edges_of, heads
from edgewise.tasks.known.shapes import ATTN_ONLY_4L, ATTN_ONLY_NAMES

CLASSES = {
    "first-layer head": heads("0.5"),
    "feeds movers' keys": heads("1.2 2.0"),
    "feeds movers' queries": heads("1.4"),
    "argument mover": heads("3.0 3.6"),
}

RULES = (
    Rule("input", "first-layer head", "v"),
    Rule("input, first-layer head", "feeds movers' keys", "qk"),
    Rule("input, first-layer head", "feeds movers' queries", "v"),
    Rule("feeds movers' queries", "a2.h0", "v"),
    Rule("input, first-layer head", "argument mover", "v"),
    Rule("feeds movers' keys", "argument mover", "k"),
    Rule("feeds movers' queries", "argument mover", "q"),
    Rule("argument mover", "logits"),
)

CIRCUIT = KnownCircuit(
    "Docstring circuit of attn-only-4l, 24 edges (Heimersheim and Janiak, 2023)",
    edges_of(RULES, CLASSES, Graph(ATTN_ONLY_4L)),
    CLASSES,
    ATTN_ONLY_NAMES,
    ATTN_ONLY_4L,
)
