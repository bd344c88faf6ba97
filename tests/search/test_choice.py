"""What is measured exactly: by hand, the lot by its frequencies, and what is stated by a population that is known."""

from __future__ import annotations

import numpy as np
import pytest

from edgewise.errors import ScoreError, SettingError
from edgewise.graph import EdgeScores, Graph, GraphSpec
from edgewise.search.exact.choice import Choice, Doubt, doubt
from edgewise.search.exact.spending import EAP, OPENING, Spending
from edgewise.search.exact.stated import CAUTION, recall, stated
from edgewise.search.exact.targets import costs_of
from edgewise.settings.texts import AUTO

GRAPH = Graph(GraphSpec(1, 1, 4))
#   columns: q, k, v of a0.h0, m0, logits; rows: input, a0.h0, m0
FIRST = np.array([[0.5, -3.0, 0.1, -0.2, 1.0], [0, 0, 0, 0.3, -0.4], [0, 0, 0, 0, 0.0]])
SECOND = np.array([[0.5, -2.0, 4.0, -0.2, -0.9], [0, 0, 0, 0.3, 0.3], [0, 0, 0, 0, 0.0]])
EVEN = np.where(GRAPH.mask, 1.0, np.nan)


def names(mask: np.ndarray) -> set[str]:
    return {GRAPH.edge_name(*at) for at in np.argwhere(mask).tolist()}


def most_doubted(scores: EdgeScores, apart: np.ndarray | None, n: int, costs: np.ndarray = EVEN) -> set[str]:
    return names(doubt(scores, costs, apart).choose(n, 0, by_number=costs is EVEN).measured)


def test_doubt_is_size_or_disagreement_by_hand() -> None:
    scores, apart = EdgeScores(GRAPH, FIRST), FIRST - SECOND
    # max(|score|, |score - second|): v 3.9, k 3, logits from input 1.9, from a0.h0 0.7, q 0.5
    assert most_doubted(scores, apart, 1) == {"input->a0.h0<v>"}
    assert most_doubted(scores, apart, 3) == {"input->a0.h0<v>", "input->a0.h0<k>", "input->logits"}
    assert most_doubted(scores, apart, 4) - most_doubted(scores, apart, 3) == {"a0.h0->logits"}
    # By size alone: k 3, logits 1, q 0.5, a0.h0->logits 0.4
    assert most_doubted(scores, None, 3) == {"input->a0.h0<k>", "input->logits", "input->a0.h0<q>"}
    assert len(most_doubted(scores, apart, 1000)) == GRAPH.n_edges
    unscored = EdgeScores(GRAPH, np.where(FIRST == -3.0, np.nan, FIRST), allow_unscored=True)
    assert len(most_doubted(unscored, apart, 1000)) == GRAPH.n_edges - 1
    # A second estimate that is missing leaves the size; a score that is exact is in no doubt.
    missing = np.where(FIRST == 0.1, np.nan, apart)
    assert most_doubted(scores, missing, 1) == {"input->a0.h0<k>"}
    exact = EdgeScores(GRAPH, FIRST, verified=FIRST == -3.0, estimated=FIRST)
    assert most_doubted(exact, None, 1) == {"input->logits"}
    with pytest.raises(ScoreError, match="nothing has a score"):
        doubt(EdgeScores(GRAPH, np.full(FIRST.shape, np.nan), allow_unscored=True), EVEN)
    with pytest.raises(ScoreError, match="differ by"):
        doubt(scores, EVEN, apart[:2])


def test_what_is_cheap_comes_first_and_what_is_too_dear_is_passed_over() -> None:
    # f² / cost: k 9 / 10 = .9, logits from input 1 / .1 = 10, from a0.h0 .16 / .1 = 1.6, q .25 / 10
    costs = np.where(GRAPH.mask, 10.0, np.nan)
    costs[:, GRAPH.logits] = np.where(GRAPH.mask[:, GRAPH.logits], 0.1, np.nan)
    scores = EdgeScores(GRAPH, FIRST)
    assert most_doubted(scores, None, 0.1, costs) == {"input->logits"}
    assert most_doubted(scores, None, 0.2, costs) == {"input->logits", "a0.h0->logits"}
    assert most_doubted(scores, None, 10.2, costs) == {"input->logits", "a0.h0->logits", "input->a0.h0<k>"}
    # Of a budget that is too small for the next one, what follows takes its place.
    free = {"input->logits", "a0.h0->logits", "m0->logits"}
    assert most_doubted(scores, None, 10.1, costs) == free
    assert most_doubted(scores, None, 10.3, costs) == free | {"input->a0.h0<k>"}


def population(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Doubts, costs and errors: of heavy tail, a few of them far beyond what most doubts would say."""
    rng = np.random.default_rng(seed)
    sizes, costs = np.exp(rng.normal(0, 1.5, n)), rng.uniform(0.02, 1.0, n)
    return sizes, costs, sizes * rng.standard_t(4, n) * 0.4


def test_sums_over_the_lot_are_unbiased_and_a_larger_one_holds_a_smaller() -> None:
    sizes, costs, errors = population()
    sums, drawn = [], []
    for seed in range(3000):
        choice = Doubt(sizes, costs, seed).choose(5, 8)
        sums.append(float((errors[choice.drawn] ** 2 / choice.chance[choice.drawn]).sum()))
        drawn.append(int(choice.drawn.sum()))
    assert len(set(drawn)) == 1
    rest = ~choice.certain
    assert abs(np.mean(sums) - (errors[rest] ** 2).sum()) < 4 * np.std(sums) / np.sqrt(len(sums))
    small, large = (Doubt(sizes, costs, 1).choose(0, spend).drawn for spend in (4, 12))
    assert small.sum() < large.sum()
    assert (large | ~small).all()
    # Everything is drawn where there is enough for it, and nothing is left to chance then.
    whole = Doubt(sizes, costs, 1).choose(5, 10_000)
    assert (whole.measured == whole.known).all()
    assert (whole.chance == 1).all()


def test_what_is_certain_is_paid_for() -> None:
    sizes, costs, _ = population()
    for spend in (0.5, 3.0, 20.0):
        choice = Doubt(sizes, costs, 0).choose(spend, 0)
        assert costs[choice.certain].sum() <= spend
        assert costs[choice.certain].sum() > spend - costs.max()
        assert not choice.drawn.any()


def test_as_many_are_measured_as_are_asked_for() -> None:
    """Weights that do not sum to one in the last place take none away."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        unsure = Doubt(random.exponential(size=60) ** 3, random.uniform(0.05, 1, 60), seed)
        for number in (9, 24, 29, 30, 33, 60):
            (spent,) = Spending(number=number).rounds(EAP, 2.0, 60)
            assert spent.choose(unsure).measured.sum() == number


def test_the_error_is_stated_by_hand() -> None:
    # Four of six are drawn, each with chance 1/2; estimates are zero. Two keep their estimates.
    sizes = np.array([2.0, 1.0, 1.0, 2.0, 1.0, 2.0])
    exact = np.array([1.0, -1.0, 0.5, 0.0, np.nan, np.nan])
    choice = Doubt(sizes, np.ones(6), 0).choose(0, 4, by_number=True)
    drawn = np.array([True, True, True, True, False, False])
    by_hand = type(choice)(np.ones(6, bool), np.zeros(6, bool), drawn, np.full(6, 0.5))
    said = stated(by_hand, sizes, np.zeros(6), exact)
    about = 2.25 - 0.5**2 / 6
    # e² (1 / chance - 1) sum to 2.25; ratios 1/4, 1, 1/4, 0 of which 1 counts, f² of the rest 5.
    assert said.drawn == 4
    assert said.r2 == pytest.approx(1 - 2.25 / about)
    assert said.r2_low == pytest.approx(1 - (1 + CAUTION / 4) * 5 / about)
    few = type(choice)(np.ones(6, bool), np.zeros(6, bool), drawn & (exact != 0), np.full(6, 0.5))
    assert stated(few, sizes, np.zeros(6), exact) is None
    none_left = type(choice)(np.ones(6, bool), np.ones(6, bool), np.zeros(6, bool), np.ones(6))
    assert stated(none_left, sizes, np.zeros(6), np.arange(6.0)).r2_low == 1.0


def test_what_keeps_its_estimate_counts_with_its_error_by_hand() -> None:
    # As above; the second of what was drawn, of error 1, keeps its estimate.
    sizes = np.array([2.0, 1.0, 1.0, 2.0, 1.0, 2.0])
    exact = np.array([1.0, -1.0, 0.5, 0.0, np.nan, np.nan])
    drawn = np.array([True, True, True, True, False, False])
    choice = Choice(np.ones(6, bool), np.zeros(6, bool), drawn, np.full(6, 0.5))
    said = stated(choice, sizes, np.zeros(6), exact, kept=np.array([False, True, False, False, True, False]))
    about = 2.25 - 0.5**2 / 6
    assert said.r2 == pytest.approx(1 - (1 + 2.25) / about)
    assert said.r2_low == pytest.approx(1 - (1 + (1 + CAUTION / 4) * 5) / about)


def test_a_lot_that_goes_on_holds_what_was_drawn_and_its_sums_stay_unbiased() -> None:
    sizes, costs, errors = population()
    sums, rests = [], []
    for seed in range(3000):
        unsure = Doubt(sizes, costs, seed)
        first = unsure.choose(5, 8)
        more = unsure.further(first.certain, first.drawn, 12, 9)
        if seed < 20:
            assert (more.measured | ~first.measured).all()
            assert int((more.certain & ~first.measured).sum()) == 12
            assert int((more.drawn & ~first.drawn).sum()) == 9
            least = sizes[more.certain & ~first.certain].min()
            assert (sizes[~more.certain & ~first.drawn] <= least).all()
        sums.append(float((errors[more.drawn] ** 2 / more.chance[more.drawn]).sum()))
        rests.append(float((errors[~more.certain] ** 2).sum()))
    off = np.subtract(sums, rests)
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(len(off))


def test_the_recall_is_estimated_nearly_without_bias_where_enough_is_drawn() -> None:
    estimated, true = [], []
    for seed in range(1500):
        sizes, costs, errors = population(seed % 10)
        exact = errors + np.sign(errors) * sizes
        choice = Doubt(sizes, costs, seed).choose(8, 20)
        said = recall(choice, exact - errors, exact, 60)
        scores = np.where(choice.measured, exact, exact - errors)
        firsts = [set(np.argsort(-np.abs(values))[:60].tolist()) for values in (scores, exact)]
        estimated.append(said)
        true.append(len(firsts[0] & firsts[1]) / 60)
    assert np.mean(true) < 0.97
    assert abs(np.mean(estimated) - np.mean(true)) < 0.03
    few = Doubt(sizes, costs, 0).choose(8, 2)
    assert recall(few, exact - errors, exact, 60) is None
    assert recall(choice, exact - errors, exact, 400) is None


def test_the_recall_by_hand() -> None:
    # 40 edges, scores 1 to 40 by place; 20 are drawn with chance 1/4. Of the ten largest scores the least is 31.
    estimates, drawn = np.arange(1.0, 41.0), np.arange(40) < 20
    exact = np.where(drawn, estimates, np.nan)
    exact[0] = -50.0
    nothing = np.zeros(40, dtype=bool)
    choice = Choice(np.ones(40, dtype=bool), nothing, drawn, np.full(40, 0.25))
    # The first is measured and found; three more of its like are missing, and as many are there wrongly, unseen.
    assert recall(choice, estimates, exact, 10) == pytest.approx(1 - 0.5 * 3 / 10)


def test_going_on_from_nothing_is_beginning_and_may_take_all() -> None:
    sizes, costs, _ = population()
    nothing = np.zeros(len(sizes), dtype=bool)
    begun = Doubt(sizes, np.ones(len(sizes)), 3).choose(7, 11, by_number=True)
    again = Doubt(sizes, np.ones(len(sizes)), 3).further(nothing, nothing, 7, 11)
    assert (again.certain == begun.certain).all()
    every = Doubt(sizes, costs, 3).further(nothing, nothing, 400, 11)
    assert every.certain.all()
    assert not every.drawn.any()


@pytest.mark.parametrize("spend", [(5, 4), (10, 6), (20, 40)])
def test_the_limit_holds_in_nine_of_ten_draws(spend: tuple[float, float]) -> None:
    holds, estimated, true = [], [], []
    for seed in range(500):
        sizes, costs, errors = population(seed % 10)
        choice = Doubt(sizes, costs, seed).choose(*spend)
        exact = errors + np.sign(errors) * sizes
        said = stated(choice, sizes, exact - errors, exact)
        scores = np.where(choice.measured, exact, exact - errors)
        actual = 1 - (errors[choice.left] ** 2).sum() / ((scores - scores.mean()) ** 2).sum()
        holds.append(actual >= said.r2_low)
        estimated.append(said.r2)
        true.append(actual)
    assert np.mean(holds) >= 0.85
    spread = np.std(np.subtract(estimated, true)) / np.sqrt(len(true))
    assert abs(np.mean(estimated) - np.mean(true)) < 5 * spread


def test_spending_by_number_by_budget_and_until() -> None:
    (by_number,) = Spending(number=30).rounds(EAP, 2.0, 70_000)
    assert (by_number.certain, by_number.drawn, by_number.by_number) == (20, 10, True)
    (few,) = Spending(number=9).rounds(EAP, 2.0, 70_000)
    assert (few.certain, few.drawn) == (9, 0)
    (budget,) = Spending(budget=4).rounds(EAP, 2.0, 70_000)
    assert budget.certain + budget.drawn == pytest.approx(4 * EAP - EAP - 2.0 - OPENING)
    (auto,) = Spending().rounds(EAP, 2.0, 70_000)
    assert 0 < auto.certain + auto.drawn < EAP
    (small,) = Spending().rounds(EAP, 2.0, 479)
    assert small.certain + small.drawn > 2 * (auto.certain + auto.drawn)
    rounds = Spending(budget=10, until=0.9).rounds(EAP, 2.0, 70_000)
    spends = [one.certain + one.drawn for one in rounds]
    assert spends == sorted(spends)
    assert len(spends) > 2
    assert spends[-1] == pytest.approx(10 * EAP - EAP - 2.0 - OPENING)
    with pytest.raises(SettingError, match=r"--budget 1\.5x leaves nothing"):
        Spending(budget=1.5).rounds(EAP, 2.0, 70_000)


def test_a_run_and_python_ask_for_measuring_alike() -> None:
    assert Spending.asked("eap", None, None, None) is None
    assert Spending.asked("eap+exact", 0, None, None) is None
    assert Spending.asked("eap+exact", None, None, None) == Spending()
    assert Spending.asked("eap", AUTO, None, None) == Spending()
    assert Spending.asked("eap", 24, None, None) == Spending(number=24)
    assert Spending.asked("eap", None, 5.0, 0.9) == Spending(budget=5.0, until=0.9)


def test_runs_into_the_last_places_cost_next_to_nothing() -> None:
    graph = Graph(GraphSpec(12, 2, 8))
    costs = costs_of(graph, "edge")
    into_logits, last, first = (costs[0, column] for column in (graph.logits, graph.mlp(11), graph.mlp(0)))
    assert into_logits < last < 0.1 * first < first <= 1.0
    assert np.isnan(costs[~graph.mask]).all()
