"""The verdict says what its thresholds say, with the numbers that decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewise.evaluation.agreement import Agreement, Estimate, agreement
from edgewise.evaluation.criteria import FOUND, SIZES, SLOPES, Criterion, criteria
from edgewise.evaluation.verdict import verdict
from estimates import strata

GOOD = Agreement(
    population=100,
    measured=100,
    k=10,
    r2=Estimate(0.96),
    slope=Estimate(1.03),
    intercept=Estimate(0.0),
    pearson=Estimate(0.98),
    spearman=Estimate(0.9),
    spearman_of_sizes=Estimate(0.9),
    sign_agreement=Estimate(0.93),
    sign_agreement_of_top=Estimate(1.0),
    recall=Estimate(0.9),
)
# Intervals that hold no threshold.
SURE = {
    "r2": Estimate(0.96, 0.95, 0.97),
    "slope": Estimate(1.03, 1.0, 1.1),
    "sign_agreement": Estimate(0.93, 0.9, 0.95),
    "sign_agreement_of_top": Estimate(1.0, 1.0, 1.0),
    "spearman_of_sizes": Estimate(0.9, 0.85, 0.95),
    "recall": Estimate(0.9, 0.85, 0.95),
}
FIND = "The scores can be trusted to find the edges, but not for their sizes:"


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({}, "The scores can be trusted, to find the edges and for their sizes: of the 10 edges"),
        ({"r2": Estimate(0.8), "slope": Estimate(0.8), "recall": Estimate(0.8)}, "The scores can be trusted, to find"),
        ({"r2": Estimate(0.79)}, FIND),
        ({"slope": Estimate(0.79)}, FIND),
        ({"slope": Estimate(1.26)}, FIND),
        ({"r2": Estimate(None)}, FIND),
        ({"recall": Estimate(0.79)}, "Trust the scores with care"),
        ({"sign_agreement_of_top": Estimate(0.79)}, "Trust the scores with care"),
        ({"recall": Estimate(0.49)}, "Do not trust the scores"),
        ({"sign_agreement_of_top": Estimate(0.4)}, "Do not trust the scores"),
        ({"k": None}, "The scores can be trusted, to find the edges and for their sizes: the rank correlation"),
        ({"k": None, "spearman_of_sizes": Estimate(0.3)}, "Do not trust the scores: the rank correlation of sizes"),
    ],
)
def test_thresholds(change: dict[str, Estimate], begins: str) -> None:
    given = replace(GOOD, **change)
    said = verdict(given)
    assert said.startswith(begins)
    assert all(one.outcome == "passes" for one in criteria(given)) == said.startswith("The scores can be trusted, to")


def test_the_numbers_are_in_it() -> None:
    said = verdict(GOOD, "node")
    assert said == (
        "The scores can be trusted, to find the nodes and for their sizes: of the 10 nodes of largest exact effect,"
        " 90 % are among the 10 of largest score, and 100 % of the latter have the right sign;"
        " R² is 0.96 and the slope 1.03."
    )


@pytest.mark.parametrize(
    ("recall", "begins"),
    [
        (Estimate(0.9, 0.7, 1.0), "Too few edges were measured to tell whether the scores find the 10 largest edges: "),
        (Estimate(0.7, 0.4, 0.85), "Too few edges were measured to tell"),
        (Estimate(None, 0.0, 1.0), "Too few edges were measured to tell"),
        (Estimate(0.9, 0.85, 1.0), "The scores can be trusted, to find"),
        (Estimate(0.7, 0.6, 0.75), "Trust the scores with care"),
        (Estimate(0.4, 0.3, 0.6), "Trust the scores with care"),
        (Estimate(0.4, 0.3, 0.45), "Do not trust the scores"),
    ],
)
def test_a_sample_is_judged_by_its_intervals(recall: Estimate, begins: str) -> None:
    said = verdict(replace(GOOD, measured=50, **(SURE | {"recall": recall})))
    assert said.startswith(begins)
    assert ("too few edges were measured to tell whether it is less than half" in said) == (recall.high == 0.6)
    assert (" would tell" in said or "measured to tell (--edges all" in said) == begins.startswith("Too few")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Their sizes are right: R² is 0.96 (0.95 to 0.97) and the slope 1.03 (1.00 to 1.10)"),
        ({"r2": Estimate(0.9, 0.7, 0.95)}, "Nor can it be told whether their sizes are right: R² is 0.90"),
        ({"r2": Estimate(0.6, 0.5, 0.7)}, "Their sizes are not right"),
        ({"slope": Estimate(0.7, 0.6, 0.75)}, "Their sizes are in proportion, but too large"),
        ({"slope": Estimate(1.7, 1.6, 1.75)}, "Their sizes are in proportion, but too small"),
    ],
)
def test_what_is_known_of_sizes_is_said_where_finding_is_open(change: dict[str, Estimate], words: str) -> None:
    open_ = replace(GOOD, measured=50, **(SURE | {"recall": Estimate(None, 0.1, 1.0)} | change))
    assert words in verdict(open_)
    assert "of the 10 edges of largest exact effect, 10 to 100 % are among" in verdict(open_)


def test_sizes_alone_may_be_open() -> None:
    said = verdict(replace(GOOD, population=10_000, measured=50, **(SURE | {"r2": Estimate(0.9, 0.7, 0.95)})))
    assert said.startswith("The scores can be trusted to find the edges: of the 10 edges")
    # The interval reaches .2 below .9 and may reach .1: half as wide, so four times as many.
    assert "too few were measured to tell whether their sizes are right" in said
    assert "about 200 edges would tell, or more (--edges 200 --overwrite)" in said


def _scored(n: int, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    exact = random.standard_normal(n) * np.exp(random.standard_normal(n))
    return exact + noise * random.standard_normal(n), exact


def _outcomes(n: int, top: int, k: int, seed: int, x: np.ndarray, y: np.ndarray) -> tuple[Criterion, ...]:
    sample = strata(np.abs(x), n, top, seed)
    return criteria(agreement(x, np.where(sample.measured, y, np.nan), sample=sample, k=k))


@pytest.mark.parametrize("noise", [0.05, 0.4, 1.0, 3.0])
def test_what_is_decided_from_a_sample_is_what_all_edges_say(noise: float) -> None:
    x, y = _scored(600, 1, noise)
    first, second = (set(np.argsort(-np.abs(one))[:30].tolist()) for one in (x, y))
    r2, slope = np.corrcoef(x, y)[0, 1] ** 2, np.polyfit(x, y, 1)[0]
    true = {
        "recall": len(first & second) / 30 >= FOUND,
        "sign_agreement_of_top": np.mean([x[i] * y[i] > 0 for i in first]) >= FOUND,
        "r2": r2 >= SIZES,
        "slope": SLOPES[0] <= slope <= SLOPES[1],
    }
    drawn = [_outcomes(200, 60, 30, seed, x, y) for seed in range(60)]
    for place, name in enumerate(true):
        said = [one[place].outcome for one in drawn]
        wrong = said.count("fails" if true[name] else "passes")
        assert wrong <= 6, (name, wrong)  # of 60 draws; at 95 % 3 are expected at most


@pytest.mark.parametrize(("n", "k"), [(1000, 50), (3000, 100)])
def test_so_many_tell_and_fewer_do_not(n: int, k: int) -> None:
    """Of scores that are the effects themselves: what is undecided is so for want of edges alone."""
    exact = np.random.default_rng(2).standard_normal(n)
    first = _outcomes(40, 20, k, 0, exact, exact)[0]
    assert (first.name, first.outcome) == ("recall", "undecided")
    assert first.enough is not None
    assert _outcomes(first.enough, k, k, 0, exact, exact)[0].outcome == "passes"
    assert _outcomes(first.enough - 1, k, k, 0, exact, exact)[0].outcome == "undecided"


def test_few_measured_of_many_good_scores_are_not_distrusted() -> None:
    """20 of 70,000, ten of them the largest, and 200 to be found: nothing was measured that could say they are not."""
    x, y = _scored(70_000, 3, 0.1)
    sample = strata(np.abs(x), 20, 10, 0)
    said = verdict(agreement(x, np.where(sample.measured, y, np.nan), sample=sample, k=200))
    assert said.startswith("Too few edges were measured to tell whether the scores find the 200 largest edges")
    assert "--largest 200 --overwrite)" in said


def test_a_circuit_of_one() -> None:
    found = agreement(np.array([3.0, 1, 2]), np.array([3.0, 1, 2]), k=1)
    assert "the edge of largest exact effect is that of largest score, whose sign is right" in verdict(found)
    found = agreement(np.array([3.0, 1, 2]), np.array([-1.0, 1, 2]), k=1)
    assert "is not that of largest score, whose sign is wrong" in verdict(found)


def test_constant_scores() -> None:
    said = verdict(agreement(np.full(9, 0.5), np.arange(9.0)))
    assert said.startswith("Nothing can be said about the scores: all scores are equal (0.5)")
    with_k = verdict(agreement(np.full(9, 0.5), np.arange(9.0), k=2))
    assert with_k.startswith("Do not trust the scores")
    assert "of sizes nothing can be said" in with_k
