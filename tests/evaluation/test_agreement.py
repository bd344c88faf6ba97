"""Agreement of scores with exact effects: all measured as scipy has it, samples unbiased and their intervals honest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import recall_score

from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation.agreement import Agreement, Estimate, agreement
from edgewise.evaluation.sampling import Sample
from edgewise.graph import EdgeScores, Graph, GraphSpec
from edgewise.runs.store.codec import from_json, to_json
from estimates import strata

pytestmark = pytest.mark.slow

NUMBERS = (
    "r2",
    "slope",
    "pearson",
    "spearman",
    "spearman_of_sizes",
    "sign_agreement",
    "sign_agreement_of_top",
    "recall",
)
N = 600


def population(kind: str, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Scores and exact effects of so many edges."""
    g = np.random.default_rng(7)
    if kind == "normal":
        x = g.normal(size=n)
        return x, 0.6 * x + 0.8 * g.normal(size=n)
    if kind == "long tails":
        x = g.standard_t(3, n)
        return x, 0.8 * x + 0.5 * g.standard_t(4, n)
    x = np.exp(g.normal(-6, 1, n)) * g.choice([-1, 1], n)
    if kind == "spread over decades":
        return x, x * np.exp(g.normal(0, 0.5, n)) + g.normal(0, 0.001, n)
    assert kind == "unrelated"
    return x, np.exp(g.normal(-6, 1, n)) * g.choice([-1, 1], n)


# What is drawn seldom shows how long the tails are: our docstring says so too.
LESS_SURE = {("long tails", "r2"), ("long tails", "pearson")}
KINDS = ("normal", "long tails", "spread over decades", "unrelated")


def sampled(x: np.ndarray, y: np.ndarray, n: int, top: int, seed: int, k: int) -> Agreement:
    sample = strata(np.abs(x), n, top, seed)
    return agreement(x, np.where(sample.measured, y, np.nan), sample=sample, k=k)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounded", [False, True])
def test_with_all_measured_the_numbers_are_scipys_and_have_no_interval(kind: str, rounded: bool) -> None:
    x, y = population(kind)
    if rounded:  # many ties, zeros among them
        x, y = np.round(x / np.std(x) * 2), np.round(y / np.std(y) * 2)
    found = agreement(x, y, k=50)
    fit = stats.linregress(x, y)
    first_x, first_y = np.zeros((2, len(x)), dtype=bool)
    first_x[np.argsort(-np.abs(x), kind="stable")[:50]] = True
    first_y[np.argsort(-np.abs(y), kind="stable")[:50]] = True
    expected = {
        "r2": stats.pearsonr(x, y)[0] ** 2,
        "slope": fit.slope,
        "intercept": fit.intercept,
        "pearson": fit.rvalue,
        "spearman": stats.spearmanr(x, y)[0],
        "spearman_of_sizes": stats.spearmanr(np.abs(x), np.abs(y))[0],
        "sign_agreement": np.mean(np.sign(x) == np.sign(y)),
        "sign_agreement_of_top": np.mean(np.sign(x[first_x]) == np.sign(y[first_x])),
        "recall": recall_score(first_y, first_x),
    }
    for name, value in expected.items():
        assert getattr(found, name).value == pytest.approx(value, abs=1e-12), name
        assert getattr(found, name).low is None, name
    assert found.is_exact
    assert found.notes == ()


def test_a_sample_of_all_is_a_census() -> None:
    x, y = population("normal", 50)
    assert sampled(x, y, 50, 10, 0, 5) == agreement(x, y, k=5)


def test_weights_stand_for_the_unmeasured() -> None:
    """One sure edge and 2 of 4 others: the statistics of the five with each drawn one twice."""
    x = np.array([5.0, 1.0, 2.0, -1.0, 3.0])
    y = np.array([4.0, 2.0, np.nan, 1.0, np.nan])
    sample = Sample(np.array([True, False, False, False, False]), np.array([False, True, False, True, False]))
    found = agreement(x, y, sample=sample, k=1)
    many_x, many_y = np.array([5.0, 1, 1, -1, -1]), np.array([4.0, 2, 2, 1, 1])
    assert found.pearson.value == pytest.approx(stats.pearsonr(many_x, many_y)[0])
    assert found.slope.value == pytest.approx(stats.linregress(many_x, many_y).slope)
    assert found.spearman.value == pytest.approx(stats.spearmanr(many_x, many_y)[0])
    assert found.sign_agreement.value == pytest.approx(3 / 5)
    assert (found.population, found.measured, found.k) == (5, 3, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "top", "k"), [(120, 60, 40), (80, 20, 60)])
def test_intervals_cover_the_truth_and_estimates_are_not_biased(kind: str, n: int, top: int, k: int) -> None:
    """Of 200 draws .895 is 3.5 standard errors below .95; the means may be off by a quarter of an interval."""
    x, y = population(kind)
    truth, draws = agreement(x, y, k=k), 200
    found = [sampled(x, y, n, top, seed, k) for seed in range(draws)]
    for name in NUMBERS:
        true, numbers = getattr(truth, name).value, [getattr(one, name) for one in found]
        held = np.mean([number.low - 1e-12 <= true <= number.high + 1e-12 for number in numbers])
        assert held >= (0.83 if (kind, name) in LESS_SURE else 0.895), (name, held)
        width = np.mean([number.high - number.low for number in numbers])
        known = [number for number in numbers if number.value is not None]  # of none of the k drawn, no share is known
        assert len(known) > 0.5 * draws, name
        bias = abs(np.mean([number.value for number in known]) - true)
        assert bias <= 0.25 * width + 1e-12, (name, bias, width)
        assert all(number.low - 1e-12 <= number.value <= number.high + 1e-12 for number in known), name


@pytest.mark.parametrize(("n", "top"), [(120, 60), (450, 60)])
def test_intervals_are_no_wider_than_they_must_be(n: int, top: int) -> None:
    """On a benign population about as wide as four standard deviations of the estimates, also where most is drawn."""
    x, y = population("normal")
    found = [sampled(x, y, n, top, seed, 40) for seed in range(100)]
    for name in ("r2", "slope", "pearson", "spearman", "spearman_of_sizes", "sign_agreement"):
        numbers = [getattr(one, name) for one in found]
        width = np.mean([number.high - number.low for number in numbers])
        assert width < 1.5 * 4 * np.std([number.value for number in numbers]), name


def test_recall_knows_of_large_effects_that_the_sample_never_saw() -> None:
    """A few edges whose score hides a large effect are seldom drawn, and the interval must hold the truth still."""
    x, y = population("spread over decades")
    y = y.copy()
    y[np.argsort(np.abs(x))[:8]] = 5.0
    truth = agreement(x, y, k=20).recall.value
    held, found = 0, []
    for seed in range(200):
        recall = sampled(x, y, 90, 60, seed, 20).recall
        held += recall.low <= truth <= recall.high
        found.append(recall.value)
    assert held >= 0.895 * 200
    assert np.mean(found) == pytest.approx(truth, abs=0.07)


def test_what_was_measured_for_certain_has_no_doubt() -> None:
    x, y = population("normal")
    found = sampled(x, y, 120, 60, 0, 60).sign_agreement_of_top
    assert found.low == found.value == found.high


def test_one_worse_edge_has_room_in_the_interval() -> None:
    """All drawn lie on the line, one sure one far off it: the interval must not shrink to a point."""
    x = np.linspace(1, 10, 200)
    y = x.copy()
    y[-1] = -10.0
    found = sampled(x, y, 40, 20, 0, 10)
    assert found.slope.high - found.slope.low > 0.01
    assert found.pearson.high - found.pearson.low > 0.01


@pytest.mark.parametrize(("x", "y"), [(np.full(9, 0.5), np.arange(9.0)), (np.zeros(9), np.zeros(9))])
def test_constant_scores_have_no_correlation_and_it_is_said(x: np.ndarray, y: np.ndarray) -> None:
    found = agreement(x, y, k=3)
    for name in ("r2", "slope", "intercept", "pearson", "spearman"):
        assert getattr(found, name) == Estimate(None), name
    assert "all scores are equal" in found.notes[0]
    assert ("all exact effects" in found.notes[-1]) == (y[-1] == 0)


def test_constant_effects_have_a_slope_of_zero() -> None:
    found = agreement(np.arange(9.0), np.full(9, 2.0))
    assert found.slope.value == 0
    assert found.r2.value is None
    assert found.notes == ("all exact effects measured are equal (2), so no correlation is defined",)


def test_constant_scores_in_a_sample() -> None:
    x = np.concatenate([np.full(30, 0.5), np.full(30, 0.25)])
    found = sampled(x, np.arange(60.0), 40, 30, 0, 5)
    assert found.slope.value is not None
    x = np.full(60, 0.5)
    found = sampled(x, np.arange(60.0), 40, 20, 0, 5)
    assert found.slope == found.r2 == Estimate(None)
    assert found.recall.low <= 0 <= found.recall.high  # the first five scores are those of the least effects


@pytest.mark.parametrize("k", [9, 100])
def test_a_k_of_all_says_nothing(k: int) -> None:
    found = agreement(np.arange(9.0), np.arange(9.0), k=k)
    assert found.recall == found.sign_agreement_of_top == Estimate(None)
    assert found.k is None
    assert "are all there are" in found.notes[0]


def test_scores_of_edges_are_compared_where_they_exist() -> None:
    graph = Graph(GraphSpec(n_layers=1, n_heads=2, d_model=8))
    values = np.random.default_rng(0).normal(size=graph.mask.shape)
    unscored = values.copy()
    unscored[0, 0] = np.nan
    scores = EdgeScores(graph, unscored, allow_unscored=True)
    found = agreement(scores, EdgeScores(graph, 2 * values + 1))
    assert found.population == found.measured == graph.n_edges - 1
    assert found.slope.value == pytest.approx(2)
    assert found.intercept.value == pytest.approx(1)
    assert found.r2.value == pytest.approx(1)


def test_json_is_read_back() -> None:
    x, y = population("normal")
    found = sampled(x, y, 120, 60, 0, 60)
    assert from_json(Agreement, to_json(found), "file") == found


def test_bad_arguments_are_refused() -> None:
    x = np.arange(20.0)
    with pytest.raises(ScoreError, match="shape"):
        agreement(x, x[:3])
    with pytest.raises(ScoreError, match="nothing has a score"):
        agreement(np.full(3, np.nan), np.zeros(3))
    with pytest.raises(ScoreError, match=r"19 of 20 scored entries .* give `sample`"):
        agreement(x, np.where(x == 4, np.nan, x))
    with pytest.raises(ScoreError, match="give `sample`"):
        agreement(x, x, sample=Sample.all_of(19))
    with pytest.raises(SelectionError, match="at least 1"):
        agreement(x, x, k=0)
