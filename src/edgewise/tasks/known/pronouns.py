"""Gendered pronouns in GPT-2 small: five heads and six MLPs (Mathwin et al., 2023; Conmy et al., 2023, Appendix K).

Mathwin et al. ran ACDC on "So Dave is a really great friend, isn't" -> " he", corrupted by "That person"; Appendix K of
"Towards automated circuit discovery" (arXiv 2304.14997) says what the subgraph's nodes do. Its edges stand in a figure
alone. Head 0.4 and MLP 0 read the name, MLPs 3 and 5 work on it, heads 4.3 and 6.0 carry it to " is", where MLP 7 reads
most; heads 9.7 and 10.9 carry it to the end, MLPs 10 and 11 write most. The prompts of the task here are others.
"""

from __future__ import annotations

from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import heads, mlps
from edgewise.tasks.known.shapes import GPT2_NAMES, GPT2_SMALL

CIRCUIT = KnownCircuit(
    "Gendered-pronoun circuit of GPT-2 small, 5 heads and 6 MLPs, edges not published (Mathwin et al., 2023)",
    (),
    {
        "name reader": (*heads("0.4"), *mlps([0])),
        "MLP at the name": mlps([3, 5]),
        "name to verb": heads("4.3 6.0"),
        "MLP at the verb": mlps([7]),
        "verb to end": heads("9.7 10.9"),
        "MLP at the end": mlps([10, 11]),
    },
    GPT2_NAMES,
    GPT2_SMALL,
)
