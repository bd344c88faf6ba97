"""EAP is the slope of the exact single-edge effect: patched forward runs, no derivative taken anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from bruteforce import scores as oracle
from bruteforce.from_hf import from_hf
from edgewise.models import load_model
from edgewise.search import score_edges
from tiny import EXACT_FAMILIES, FAMILIES, prompts

pytestmark = pytest.mark.slow

PROMPTS = prompts(3, seed=4, max_length=7)
SHAPES = [
    "gpt2",
    "llama-grouped",
    "gemma2",
    "olmo2",
    "gpt-neox-parallel",
    "lens-bidirectional-without-norms",
    "lens-rotary-gated-grouped",
    "lens-solu-parallel",
]
"""Every kind of norm, block and direction; the others are compared with the same transformer's gradients elsewhere."""
STEP = 1e-5
"""The central difference is then wrong by about 1e-9 of the largest score, rounding included."""


@pytest.mark.parametrize("family", SHAPES)
def test_every_edge_is_the_slope_of_its_exact_effect(family: str) -> None:
    module = FAMILIES[family]()
    slopes = oracle.exact_effects(from_hf(module), PROMPTS, oracle.logit_diff, step=STEP).mean(0).numpy()
    values = score_edges(load_model(module), PROMPTS, metric="logit-diff", method="eap").values
    allowed = 1e-6 if family in EXACT_FAMILIES else 1e-3
    assert np.array_equal(np.isnan(values), np.isnan(slopes))
    assert np.nanmax(np.abs(values - slopes)) <= allowed * np.nanmax(np.abs(slopes))
