"""Indirect object identification in GPT-2 small: 26 heads of seven classes, and every MLP (Wang et al., 2022).

Which edges count follows ACDC's reading of that paper (Conmy et al., 2023), residual-stream edges alone: 963.
"""

from __future__ import annotations

from edgewise.graph import Graph
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import EdgeRule, edges_of, heads, mlps
from edgewise.tasks.known.shapes import GPT2_NAMES, GPT2_SMALL

CLASSES = {
    "name mover": heads("9.6 9.9 10.0"),
    "backup name mover": heads("9.0 9.7 10.1 10.2 10.6 10.10 11.2 11.9"),
    "negative name mover": heads("10.7 11.10"),
    "s-inhibition": heads("7.3 7.9 8.6 8.10"),
    "induction": heads("5.5 5.8 5.9 6.9"),
    "duplicate token": heads("0.1 0.10 3.0"),
    "previous token": heads("2.2 4.11"),
}

_MOVERS = "name mover, backup name mover, negative name mover"
_ALL_HEADS = ", ".join(CLASSES)

RULES = (
    # MLPs were not studied one by one: all of them count, with all that they read and all that reads them.
    EdgeRule("input, MLP", "MLP"),
    EdgeRule("MLP", _ALL_HEADS, "qkv"),
    EdgeRule(_ALL_HEADS, "MLP"),
    EdgeRule("input, MLP", "logits"),
    # Names are noticed: who came before, and who is there twice.
    EdgeRule("input", "previous token, duplicate token", "qkv"),
    EdgeRule("previous token", "induction", "kv"),
    # The name that was there twice is kept from being said.
    EdgeRule("input", "s-inhibition", "q"),
    EdgeRule("induction, duplicate token", "s-inhibition", "kv"),
    EdgeRule("s-inhibition", _MOVERS, "q"),
    # The other name is said.
    EdgeRule("input", _MOVERS, "kv"),
    EdgeRule(_MOVERS, "logits"),
)

CIRCUIT = KnownCircuit(
    "IOI circuit of GPT-2 small, 963 edges (Wang et al., 2022)",
    edges_of(RULES, CLASSES | {"MLP": mlps(range(12))}, Graph(GPT2_SMALL)),
    CLASSES,
    GPT2_NAMES,
    GPT2_SMALL,
)
