"""Secant EAP: every derivative replaced by its exact finite difference to the corrupted run.

The backward pass of EAP, with the rules of `edgewise.engine.rules.secant` on the way and the destination's own norm
exact (`engine.rules.destination`). No derivative is trusted beyond the point where it was taken: attention that
is saturated at the clean run, or a norm that a patch would change much, does not hide an edge. Cost: EAP's passes.
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.rules.scores import secant_scores
from edgewise.engine.run.passes import Passes

SECANT = Method(
    name="secant",
    summary="finite differences to the corrupted run instead of derivatives: 2 forward passes, 1 backward pass",
    score=secant_scores,
    activations=3.0,
    beyond_clean=True,
    passes=Passes(2.0, 1.0),
)
