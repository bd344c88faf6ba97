"""EAP where a source's change is small, secant EAP where it is large.

    score(u, v) = sum over pos of (1 - w) EAP(u, v) + w secant-mid(u, v),  w = min(1, 2 |o'_u - o_u| / |in'_v - in_v|)

both with the destination's norm exact. The exact effect of an edge is a change around the clean run: a small one sees
the clean derivatives, one that moves most of what the destination reads sees the finite difference.
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.ruled_scores import mixed_scores

EAP_SECANT = Method(
    name="eap-secant",
    summary="EAP for small changes, secant-mid for large ones: 3 forward passes, 2 backward passes",
    score=partial(mixed_scores, to=0.5, factor=2.0),
    activations=3.0,
)
