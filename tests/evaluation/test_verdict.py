"""The verdict says what its thresholds say, with the numbers that decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewise.evaluation.agreement import Agreement, Estimate, agreement
from edgewise.evaluation.verdict import is_right, verdict

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
    said = verdict(replace(GOOD, **change))
    assert said.startswith(begins)
    assert is_right(replace(GOOD, **change)) == ("for their sizes:" in said and "not for" not in said)


def test_the_numbers_are_in_it() -> None:
    said = verdict(GOOD, "node")
    assert said == (
        "The scores can be trusted, to find the nodes and for their sizes: of the 10 nodes of largest exact effect,"
        " 90 % are among the 10 of largest score, and 100 % of the latter have the right sign;"
        " R² is 0.96 and the slope 1.03."
    )


@pytest.mark.parametrize(
    ("recall", "doubt"),
    [
        (Estimate(0.9, 0.7, 1.0), "0.70 to 1.00: measure more"),
        (Estimate(0.9, 0.85, 1.0), None),
        (Estimate(0.7, 0.6, 0.75), None),
        (Estimate(0.7, 0.4, 0.75), "0.40 to 0.75: measure more"),
        (Estimate(0.4, 0.3, 0.6), "0.30 to 0.60: measure more"),
        (Estimate(0.4, 0.3, 0.45), None),
    ],
)
def test_an_interval_across_the_threshold_is_said(recall: Estimate, doubt: str | None) -> None:
    said = verdict(replace(GOOD, recall=recall))
    assert (doubt in said) if doubt else ("measure more" not in said)


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
