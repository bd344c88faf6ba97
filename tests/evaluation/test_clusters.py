"""Groups of prompts by the edges that they use: planted mixtures, and prompts that are all of one kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgewise.errors import DataError
from edgewise.evaluation.clusters import directions, grouped, purity

pytestmark = pytest.mark.slow


def prompts_of(circuit: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Scores of prompts that use some edges: of any strength, with signs of their own, and noise everywhere."""
    strength = rng.lognormal(0, 1, (n, 1))
    signs = rng.choice([-1.0, 1.0], (n, 1))
    return strength * (
        signs * circuit * rng.lognormal(0, 0.4, (n, len(circuit))) + 0.05 * rng.normal(size=(n, len(circuit)))
    )


def circuits(n: int, rng: np.random.Generator, edges: int = 120, size: int = 15) -> list[NDArray[np.float64]]:
    found = []
    for _ in range(n):
        one = np.zeros(edges)
        one[rng.choice(edges, size, replace=False)] = rng.choice([-1, 1], size) * rng.lognormal(0, 0.5, size)
        found.append(one)
    return found


@pytest.mark.parametrize("n_circuits", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_mixture_is_told_apart(n_circuits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.concatenate([prompts_of(one, 25, rng) for one in circuits(n_circuits, rng)])
    found = grouped(scores, permutations=19)
    assert found.n_groups == n_circuits
    assert purity(found.labels, np.repeat(range(n_circuits), 25).tolist()) >= 0.95
    assert found.p == pytest.approx(1 / 20)
    assert found.several


@pytest.mark.parametrize("seed", range(3))
def test_prompts_of_one_circuit_are_one_kind(seed: int) -> None:
    rng = np.random.default_rng(seed)
    (one,) = circuits(1, rng)
    assert not grouped(prompts_of(one, 50, rng), permutations=19).several


def test_a_prompt_or_two_are_no_kind() -> None:
    rng = np.random.default_rng(0)
    one, other = circuits(2, rng)
    scores = np.concatenate([prompts_of(one, 28, rng), prompts_of(other, 2, rng)])
    assert not grouped(scores, permutations=19).several
    assert grouped(scores, permutations=19, n_groups=2).labels.tolist() == [0] * 28 + [1] * 2, "unless asked for"


def test_chance_is_told_by_independent_scores() -> None:
    rng = np.random.default_rng(0)
    found = grouped(rng.normal(size=(40, 30)), permutations=19)
    assert found.p is not None
    assert found.p > 0.05
    assert not found.several


@given(st.floats(0.01, 100), st.integers(0, 5))
def test_strength_and_sign_of_a_prompt_do_not_count(factor: float, row: int) -> None:
    scores = np.random.default_rng(1).normal(size=(6, 9))
    turned = scores.copy()
    turned[row] *= -factor
    np.testing.assert_allclose(directions(turned), directions(scores), atol=1e-12)
    np.testing.assert_allclose((directions(scores) ** 2).sum(1), 1.0)


def test_the_cosine_of_two_prompts_is_the_overlap_of_their_shares() -> None:
    one, other = directions(np.array([[0.5, -0.5, 0.0], [0.0, 4.0, -12.0]]))
    assert one @ other == pytest.approx(np.sqrt(0.5 * 0.25))


def test_purity_by_hand() -> None:
    """Groups of 3 with 2 of one kind, and of 2 with 2: 4 of 5."""
    assert purity(np.array([0, 0, 0, 1, 1]), [1, 1, 0, 0, 0]) == pytest.approx(0.8)


def test_groups_are_numbered_by_size_and_found_again() -> None:
    rng = np.random.default_rng(3)
    one, other = circuits(2, rng)
    scores = np.concatenate([prompts_of(one, 8, rng), prompts_of(other, 20, rng)])
    labels = grouped(scores, permutations=0).labels
    assert labels.tolist() == [1] * 8 + [0] * 20
    assert (grouped(scores, permutations=0).labels == labels).all()
    assert grouped(scores, n_groups=3, permutations=0).n_groups == 3


@pytest.mark.parametrize(
    ("scores", "more", "message"),
    [
        (np.ones((5, 3)), {}, "5 prompts are too few to be put into groups; give at least 6"),
        (np.eye(8)[:, :7], {}, "prompt 8: all of its scores are 0"),
        (np.ones((9, 3)), {"n_groups": 5}, "5 groups of 9 prompts; give 2 to 4"),
        (np.ones((9, 3)), {"permutations": 0}, "the scores of all prompts are the same"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_cannot_be_put_into_groups_is_refused(scores, more, message) -> None:
    with pytest.raises(DataError, match=message):
        grouped(scores, **more)
