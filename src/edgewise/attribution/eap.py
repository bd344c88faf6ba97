"""Edge attribution patching: one gradient point, the clean run itself.

``EAP(u, v) = sum over pos, d_model of (o'_u - o_u) * dL/d(in_v)``, an estimate of what L becomes when v reads u's
corrupted output, minus what it is (Syed, Rager, Conmy 2023, equation 4 and Appendix F).
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.gradients.eap import edge_scores
from edgewise.engine.run.passes import Passes

EAP = Method(
    name="eap",
    summary="edge attribution patching (Syed et al. 2023): 2 forward passes, 1 backward pass",
    score=edge_scores,
    by_reader=True,
    passes=Passes(2.0, 1.0),
)
