"""Three-letter acronyms in GPT-2 small: eight heads of three classes (García-Carrasco, Maté and Trujillo, 2024).

The paper (arXiv 2405.04156) names heads and what they do, no edges. Heads of early layers look at the previous token,
one carries on what they find, the last four say the next letter.
"""

from __future__ import annotations

from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import heads
from edgewise.tasks.known.shapes import GPT2_NAMES, GPT2_SMALL

CIRCUIT = KnownCircuit(
    "Acronym circuit of GPT-2 small, 8 heads, edges not published (García-Carrasco et al., 2024)",
    (),
    {
        "letter mover": heads("8.11 9.9 10.10 11.4"),
        "propagation": heads("5.8"),
        "previous token": heads("1.0 2.2 4.11"),
    },
    GPT2_NAMES,
    GPT2_SMALL,
)
