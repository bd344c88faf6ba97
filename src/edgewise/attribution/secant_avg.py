"""The mean of secant EAP to the corrupted run and to the run halfway to it.

See `edgewise.attribution.secant` and `edgewise.attribution.secant_mid`.
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.gradients.points import GradientPoint
from edgewise.engine.rules.scores import secant_scores
from edgewise.engine.run.passes import Passes

SECANT_AVG = Method(
    name="secant-avg",
    summary="mean of secant and secant-mid: 4 forward passes, 2 backward passes",
    score=partial(secant_scores, references=(GradientPoint(0.0, 0.5), GradientPoint(0.5, 0.5)), profiled=True),
    activations=3.0,
    beyond_clean=True,
    passes=Passes(4.0, 2.0),
)
