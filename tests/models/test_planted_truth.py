"""The circuit of a planted model is what brute force finds: every edge patched, one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from bruteforce.from_hf import from_hf
from bruteforce.scores import exact_effects, logit_diff
from edgewise.search import score_edges
from planted import SEEDS, effects, planted, prompts, with_edges_patched

pytestmark = pytest.mark.slow

SEEN, UNSEEN = 1e-2, 1e-4
SMALL = (3, 11, 13)  # 75 to 110 edges: every edge is a tensor of the twin


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_exactly_the_planted_edges_have_an_effect_in_float32(seed: int) -> None:
    model, truth = planted(seed), planted(seed).circuit
    found = np.abs(effects(model, prompts(seed)))
    np.testing.assert_array_equal(found > SEEN, truth.mask)
    assert found[truth.mask].min() > 5e-2  # what the package's docstring promises
    assert found[model.graph.mask & ~truth.mask].max() < UNSEEN / 10


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_all_other_edges_together_have_none(seed: int) -> None:
    """So the circuit alone gives the clean logits, and no unread node can make the truth ambiguous."""
    model, some = planted(seed), prompts(seed)
    clean, corrupted, kept = (
        with_edges_patched(model, some, mask)
        for mask in (model.graph.mask & False, model.graph.mask, model.circuit.complement().mask)
    )
    assert corrupted < -0.5 < 0.5 < clean
    assert abs(kept - clean) < UNSEEN / 10


@pytest.mark.parametrize("seed", SMALL)
def test_the_brute_force_twin_finds_the_same_effects_in_float64(seed: int) -> None:
    model, some = planted(seed, "float64"), prompts(seed)
    twin = exact_effects(from_hf(model.module), some, logit_diff).mean(0).numpy()
    np.testing.assert_allclose(effects(model, some), twin, atol=1e-9, equal_nan=True)
    np.testing.assert_array_equal(np.abs(twin) > SEEN, model.circuit.mask)
    assert np.abs(twin[model.graph.mask & ~model.circuit.mask]).max() < 1e-8


def test_the_engine_finds_the_same_effects_in_float64() -> None:
    model, some = planted(3, "float64"), prompts(3)
    expected, clean = effects(model, some), with_edges_patched(model, some, model.graph.mask & False)
    for row, column, name in model.graph.edges():
        alone = np.zeros_like(model.graph.mask)
        alone[row, column] = True
        assert with_edges_patched(model, some, alone) - clean == pytest.approx(expected[row, column], abs=1e-9), name


@pytest.mark.parametrize("seed", SMALL)
def test_eap_scores_planted_edges_alone(seed: int) -> None:
    """An edge without effect has no gradient either: what a method gives to it is the method's own error."""
    model = planted(seed)
    scores = np.abs(score_edges(model, prompts(seed), method="eap").values)
    others = scores[model.graph.mask & ~model.circuit.mask]
    assert others.max() < 1e-5 * scores[model.circuit.mask].max()
