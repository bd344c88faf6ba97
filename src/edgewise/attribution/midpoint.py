"""EAP with the gradient at the run from the mean of the clean and the corrupted embedding: one midpoint step.

score(u, v) = sum over pos, d_model of (o'_u - o_u) * dL/d(in_v) at (e + e')/2
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.gradients.points import MIDDLE
from edgewise.engine.run.passes import Passes

MIDPOINT = Method(
    name="midpoint",
    summary="EAP, gradient halfway between corrupted and clean input: 3 forward passes, 1 backward pass",
    score=partial(edge_scores, points=MIDDLE),
    beyond_clean=True,
    passes=Passes(3.0, 1.0),
)
