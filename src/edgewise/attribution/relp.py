"""RelP: relevance propagation as a gradient of the clean run (Jafari et al. 2025, arXiv:2508.21258).

``score(u, v) = sum over pos, d_model of (o'_u - o_u) * g_v`` with ``g_v`` the gradient under the rules of
`edgewise.engine.rules.modified`, the destination's norm frozen as all others. Queries and keys keep the true one.
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.rules.destination import Destination
from edgewise.engine.rules.modified import RelP
from edgewise.engine.rules.scores import modified_scores
from edgewise.engine.run.passes import Passes

RELP = Method(
    name="relp",
    summary="EAP with relevance propagation's backward pass (RelP, Jafari et al. 2025)",
    score=partial(modified_scores, rules=RelP(), at=Destination.FROZEN),
    activations=2.0,
    passes=Passes(2.0, 1.0),
)
