"""Subject-verb agreement in Gemma 2B: the one head that drives it (Ferrando and Costa-jussà, 2024).

"On the similarity of circuits across languages" (arXiv 2410.06496): a particular head writes the number of the subject
to the last position's stream, where neurons of the last MLPs read it; the figures of its repository,
github.com/javiferran/circuits_languages, name head 13.7. Which edges, and which neurons, is not said in words. The
prompts there are "The author that liked the dancer" -> " is"; those of the task here are others.
"""

from __future__ import annotations

from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.rules import heads
from edgewise.tasks.known.shapes import GEMMA_2B, GEMMA_2B_NAMES

CIRCUIT = KnownCircuit(
    "Head of subject-verb agreement in Gemma 2B, edges not published (Ferrando and Costa-jussà, 2024)",
    (),
    {"subject number": heads("13.7")},
    GEMMA_2B_NAMES,
    GEMMA_2B,
)
