"""Agreement with a sample of known probabilities, held against the whole population it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.errors import ScoreError
from edgewise.evaluation.agreement import agreement
from edgewise.evaluation.stored_sample import agreement_with_sample

SHARED = (
    "r2", "slope", "intercept", "pearson", "spearman", "spearman_of_sizes", "sign_agreement", "sign_agreement_of_top",
    "recall",
)  # fmt: skip


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    exact = random.standard_t(3, n)
    return exact + random.normal(size=n) * 0.5, exact


def test_of_a_census_it_is_the_agreement_of_all():
    scores, exact = drawn(300)
    found = agreement_with_sample(scores, exact, np.arange(300), np.ones(300), 20)
    whole = agreement(scores, exact, k=20)
    for name in SHARED:
        assert getattr(found, name).value == pytest.approx(getattr(whole, name).value, abs=1e-12), name
    assert found.is_exact


def test_one_that_was_chosen_with_a_third_counts_three_times():
    """Three copies of every edge, one of each measured, stand for a population in which all copies are measured."""
    scores, exact = drawn(200)
    copies = np.repeat(scores, 3)
    found = agreement_with_sample(copies, exact, np.arange(200) * 3, np.full(200, 1 / 3), 30)
    whole = agreement(copies, np.repeat(exact, 3), k=30)
    for name in SHARED:
        assert getattr(found, name).value == pytest.approx(getattr(whole, name).value, abs=1e-9), name
    assert (found.population, found.measured) == (600, 200)


def test_over_many_samples_it_is_right_in_the_mean():
    scores, exact = drawn(2000, seed=1)
    probability = np.clip(np.abs(scores) / 3, 0.1, 1.0)
    true = agreement(scores, exact, k=50)
    random = np.random.default_rng(2)
    found = []
    for _ in range(200):
        edge = np.flatnonzero(random.random(2000) < probability)
        one = agreement_with_sample(scores, exact[edge], edge, probability[edge], 50)
        found.append(
            [getattr(one, name).value for name in ("pearson", "spearman_of_sizes", "sign_agreement", "recall")]
        )
    mean, error = np.mean(found, 0), np.std(found, 0) / np.sqrt(200)
    wanted = [true.pearson.value, true.spearman_of_sizes.value, true.sign_agreement.value, true.recall.value]
    np.testing.assert_allclose(mean, wanted, atol=0.01 + 4 * error.max())


def test_where_none_of_the_largest_was_measured_their_signs_are_not_known():
    scores = np.array([5.0, 1.0, 2.0])
    found = agreement_with_sample(scores, np.array([1.0, 1.5]), np.array([1, 2]), np.ones(2), 1)
    assert found.sign_agreement_of_top.value is None
    assert found.sign_agreement.value == 1.0


def test_an_edge_without_a_score_is_refused():
    with pytest.raises(ScoreError, match="1 of 3 edges have no score"):
        agreement_with_sample(np.array([1.0, np.nan, 2.0]), np.ones(1), np.array([0]), np.ones(1), 1)
