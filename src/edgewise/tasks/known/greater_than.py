"""Greater-Than in GPT-2 small: nine heads and the MLPs (Hanna, Liu and Variengien, 2023), 235 edges as ACDC reads it.

The year is read early, the middle heads carry it to the end of the prompt, the late MLPs turn it into years above it.
"""

from __future__ import annotations

from edgewise.graph import Graph
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import EdgeRule, edges_of, heads, mlps
from edgewise.tasks.known.shapes import GPT2_NAMES, GPT2_SMALL

CLASSES = {
    "early heads 0.3 and 0.5": heads("0.3 0.5"),
    "early head 0.1": heads("0.1"),
    "early MLP": mlps(range(4)),
    "middle head": heads("5.5 6.1 6.9 7.10 8.11 9.1"),
    "late MLP": mlps(range(8, 12)),
}

_EARLY = "early heads 0.3 and 0.5, early head 0.1"

RULES = (
    EdgeRule("input", _EARLY, "qkv"),
    EdgeRule("input, early head 0.1", "early MLP"),
    EdgeRule("early MLP", "early MLP"),
    EdgeRule(f"{_EARLY}, early MLP", "middle head", "qkv"),
    # From the early to the late MLPs leads a chain of MLPs, which the middle heads' queries read.
    EdgeRule("early MLP, chain", "chain"),
    EdgeRule("chain", "middle head", "q"),
    EdgeRule("middle head", "late MLP"),
    EdgeRule("late MLP", "late MLP"),
    EdgeRule("middle head, late MLP", "logits"),
)

CIRCUIT = KnownCircuit(
    "Greater-Than circuit of GPT-2 small, 235 edges (Hanna et al., 2023)",
    edges_of(RULES, CLASSES | {"chain": mlps(range(4, 9))}, Graph(GPT2_SMALL)),
    CLASSES,
    GPT2_NAMES,
    GPT2_SMALL,
)
