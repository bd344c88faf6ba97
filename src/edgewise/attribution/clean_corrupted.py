"""EAP with the mean of the gradients at the clean and at the corrupted run (EAP-IG's "clean-corrupted").

score(u, v) = sum over pos, d_model of (o'_u - o_u) * (dL/d(in_v) at clean + dL/d(in_v) at corrupted) / 2
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.gradients.points import ENDS
from edgewise.engine.run.passes import Passes

CLEAN_CORRUPTED = Method(
    name="clean-corrupted",
    summary="EAP, mean of the gradients at the clean and the corrupted run: 2 forward, 2 backward passes",
    score=partial(edge_scores, points=ENDS),
    activations=2.0,
    beyond_clean=True,
    passes=Passes(2.0, 2.0),
)
