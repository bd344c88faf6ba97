"""Intervals hold what they promise, and overlaps are those of prompts drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise import load_model, make_task, score_edges, top_n
from edgewise.attribution.resamples import Resamples
from edgewise.errors import ScoreError
from edgewise.evaluation.stability import intervals, mean_jaccard, stability
from edgewise.graph import Circuit, EdgeScores, Graph, GraphSpec, NodeScores
from edgewise.graph.arrays import FloatArray

pytestmark = pytest.mark.slow

GRAPH = Graph(GraphSpec(n_layers=3, n_heads=4, d_model=8))


def of_prompts(per_prompt: FloatArray, resamples: int = 200, seed: int = 0) -> EdgeScores:
    """Scores from those of single prompts, ``[n, sources, destinations]``."""
    n = len(per_prompt)
    mean, stderr = per_prompt.mean(0), per_prompt.std(0, ddof=1) / np.sqrt(n)
    found = Resamples.none(resamples, n, GRAPH.mask, seed).add(range(n), per_prompt)
    widths = found.half_widths(mean, stderr)
    return EdgeScores(GRAPH, mean, stderr=stderr, resampled=found.means(), half_width=widths, n_prompts=n)


def noise(rng: np.random.Generator, n: int, kind: str) -> FloatArray:
    """Mean zero and variance one."""
    shape = (n, *GRAPH.mask.shape)
    return rng.standard_normal(shape) if kind == "normal" else rng.exponential(size=shape) - 1


@pytest.mark.parametrize("kind", ["normal", "exponential"])
@pytest.mark.parametrize("resampled", [True, False])
def test_intervals_of_scores_of_known_variance(kind: str, resampled: bool) -> None:
    """95 % of the intervals hold the true mean; of normal scores they are as wide as Student's t says."""
    rng = np.random.default_rng(0)
    truth, sigma, n = rng.normal(size=GRAPH.mask.shape), 0.7, 50
    held, widths = [], []
    for seed in range(12):
        scores = of_prompts(truth + sigma * noise(rng, n, kind), seed=seed, resamples=400)
        if not resampled:
            scores = EdgeScores(GRAPH, scores.values, stderr=scores.stderr, n_prompts=n)
        found = intervals(scores)
        held.append(((found.low <= truth) & (truth <= found.high))[GRAPH.mask])
        widths.append((found.high - found.low)[GRAPH.mask])
    assert 0.92 <= np.mean(held) <= 0.98
    # Those of skewed scores must be wider.
    wider = np.mean(widths) / (2 * 2.0096 * sigma / np.sqrt(n))
    assert 0.96 < wider < (1.04 if kind == "normal" or not resampled else 1.2)


def test_intervals_from_50_prompts_hold_the_score_of_2000() -> None:
    model, task = load_model("demo"), "ioi"
    pairs = make_task(task, model, n=2000, seed=1).pairs
    truth = score_edges(model, pairs, method="eap").values
    held = []
    for part in range(6):
        mine = make_task(task, model, n=50, seed=100 + part).pairs
        found = intervals(score_edges(model, mine, bootstrap=400, seed=part, method="eap"))
        exists = model.graph.mask & (truth != 0)
        held.append(((found.low <= truth) & (truth <= found.high))[exists])
    assert 0.92 <= np.mean(held) <= 0.98


def test_signs_that_are_certain() -> None:
    per_prompt = np.ones((30, *GRAPH.mask.shape)) + 0.1 * noise(np.random.default_rng(0), 30, "normal")
    per_prompt[:, 0, 0] *= -1
    per_prompt[:, 0, 1] -= per_prompt[:, 0, 1].mean()
    certain = intervals(of_prompts(per_prompt)).sign_is_certain
    assert certain[0, 0]
    assert not certain[0, 1]
    assert certain[GRAPH.mask].sum() == GRAPH.n_edges - 1
    assert not certain[~GRAPH.mask].any()


def circuit(*edges: int) -> Circuit:
    mask = np.zeros_like(GRAPH.mask)
    mask.flat[np.flatnonzero(GRAPH.mask)[list(edges)]] = True
    return Circuit(GRAPH, mask)


def test_overlap_by_hand() -> None:
    assert mean_jaccard([circuit(0, 1), circuit(1, 2)]) == pytest.approx(1 / 3)
    assert mean_jaccard([circuit(0, 1), circuit(1, 2), circuit(0, 1)]) == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    assert mean_jaccard([circuit(), circuit()]) == 1
    assert mean_jaccard([circuit(), circuit(3)]) == 0


def test_how_often_an_edge_is_chosen() -> None:
    resampled = np.zeros((20, *GRAPH.mask.shape))
    first, second, third = (np.argwhere(GRAPH.mask)[i] for i in (0, 1, 2))
    resampled[(slice(None), *first)] = 5
    resampled[(slice(15), *second)] = -4
    resampled[(slice(15, None), *third)] = 4
    scores = EdgeScores(GRAPH, resampled.mean(0), resampled=resampled, n_prompts=10)
    found = stability(scores, lambda one: top_n(one, 2))
    assert found.share[tuple(first)] == 1
    assert found.share[tuple(second)] == 0.75
    assert found.share[tuple(third)] == 0.25
    # 190 pairs: 105 + 10 of the same two edges, 75 that share one of three.
    assert found.jaccard == pytest.approx((115 + 75 / 3) / 190)


def test_the_number_of_prompts_that_is_promised_is_about_enough() -> None:
    """Fresh sets of as many prompts overlap by the target on average; one promise is rough, as few edges decide it."""
    reached = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = rng.standard_t(3, size=GRAPH.mask.shape)
        found = stability(of_prompts(truth + 4 * noise(rng, 40, "normal")), lambda one: top_n(one, 30), target=0.8)
        assert found.jaccard < 0.7
        assert found.prompts_for_target is not None
        assert found.prompts_for_target > 40
        spread = 4 / np.sqrt(found.prompts_for_target)
        fresh = [truth + spread * rng.standard_normal(truth.shape) for _ in range(20)]
        reached.append(mean_jaccard([top_n(EdgeScores(GRAPH, one), 30) for one in fresh]))
    assert np.mean(reached) == pytest.approx(0.8, abs=0.04)


def test_ties_that_no_number_of_prompts_settles() -> None:
    per_prompt = np.broadcast_to(1e-9 * noise(np.random.default_rng(0), 20, "normal"), (20, *GRAPH.mask.shape))
    assert stability(of_prompts(per_prompt - per_prompt.mean(0)), lambda one: top_n(one, 9)).prompts_for_target is None


def test_what_is_needed_is_said() -> None:
    values = np.ones(GRAPH.mask.shape)
    with pytest.raises(ScoreError, match="--bootstrap 200"):
        stability(EdgeScores(GRAPH, values, n_prompts=3), lambda one: top_n(one, 2))
    with pytest.raises(ScoreError, match="at least 2 prompts"):
        intervals(EdgeScores(GRAPH, values, n_prompts=3))
    with pytest.raises(ScoreError, match="at least 2 prompts"):
        intervals(NodeScores(GRAPH, values[:, 0], stderr=values[:, 0], n_prompts=1))
