"""Information flow routes (Ferrando and Voita 2024, arXiv:2403.00824): importances from the clean run alone.

See `engine.gradients.ifr`. They have no sign and are in no unit of the metric: how much of what a destination reads
a source accounts for. The corrupted prompts are run for their metric alone.
"""

from __future__ import annotations

from edgewise.attribution.method import Method
from edgewise.engine.gradients.ifr import flow_scores
from edgewise.engine.run.passes import Passes

IFR = Method(
    name="ifr",
    summary="information flow routes (Ferrando and Voita 2024): forward passes alone, importances without sign",
    score=flow_scores,
    by_place=False,
    passes=Passes(3.0),
    no_estimates="gives importances without sign, and its scores are no estimates of exact effects",
)
