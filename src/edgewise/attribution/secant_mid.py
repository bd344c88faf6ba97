"""Secant EAP to the run from the mean of the clean and the corrupted embedding.

A single patched edge moves the network less than the whole corrupted prompt does, so the finite differences are taken
over half the way. See `edgewise.attribution.secant`.
"""

from __future__ import annotations

from functools import partial

from edgewise.attribution.method import Method
from edgewise.engine.gradients.points import MIDDLE
from edgewise.engine.rules.scores import secant_scores
from edgewise.engine.run.passes import Passes

SECANT_MID = Method(
    name="secant-mid",
    summary="finite differences to the run halfway to the corrupted input: 3 forward passes, 1 backward pass",
    score=partial(secant_scores, references=MIDDLE, profiled=True),
    activations=3.0,
    beyond_clean=True,
    passes=Passes(3.0, 1.0),
)
