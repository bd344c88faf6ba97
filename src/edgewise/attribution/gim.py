"""GIM: gradient interaction modifications of the clean run's backward pass (Edin et al. 2025, arXiv:2505.17630).

``score(u, v) = sum over pos, d_model of (o'_u - o_u) * g_v`` with ``g_v`` the gradient under the rules of
`edgewise.engine.rules.modified`, the destination's norm frozen as all others.
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.rules.destination import Destination
from edgewise.engine.rules.modified import Gim
from edgewise.engine.rules.scores import modified_scores
from edgewise.engine.run.passes import Passes

GIM = Method(
    name="gim",
    summary="EAP with GIM's backward pass: softmax at temperature 2, products shared (Edin et al. 2025)",
    score=partial(modified_scores, rules=Gim(), at=Destination.FROZEN),
    activations=2.0,
    passes=Passes(2.0, 1.0),
)
