"""Induction in Redwood's two-layer model, `redwood_attn_2l`: three heads of two classes (Goldowsky-Dill et al., 2022).

"Causal scrubbing: results on induction heads" (Goldowsky-Dill, Garriga-Alonso, Greenblatt and others, 2022) names the
heads; the edges of its hypotheses are of paths at chosen positions and make no circuit of edges. That work says too
that the simple account, a previous-token head and two induction heads, explains 35 % of the loss, and that other paths
through layer 0 matter.
"""

from __future__ import annotations

from edgewise.graph import GraphSpec
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import heads

CIRCUIT = KnownCircuit(
    "Induction circuit of redwood_attn_2l, 3 heads, edges not published (Goldowsky-Dill et al., 2022)",
    (),
    {"induction": heads("1.5 1.6"), "previous token": heads("0.0")},
    ("redwood_attn_2l", "ArthurConmy/redwood_attn_2l"),
    GraphSpec(2, 8, 256, has_mlp=False),
)
