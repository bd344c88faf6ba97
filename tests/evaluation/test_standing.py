"""Costs, standings and the advice, on numbers that are worked out by hand."""

from __future__ import annotations

from functools import partial

import pytest

from edgewise.engine.run.passes import Passes
from edgewise.evaluation.ranking import (
    CIRCUITS,
    EFFECTS,
    MEASURES,
    PURPOSES,
    Standing,
    by_mean,
    cost,
    for_effects,
    worth_their_cost,
)


def standing(name: str, cost: float | None, **values: tuple[float | None, ...]) -> Standing:
    return Standing(name, cost, {measure: values.get(measure, (None, None)) for measure in MEASURES})


def rated(name: str, cost: float | None, least: float) -> Standing:
    """Whose least number is that."""
    return standing(name, cost, pearson=(0.9, least), spearman_of_sizes=(0.95, 0.99))


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        (Passes(2.0, 1.0), 1.0),  # EAP
        (Passes(3.0, 2.0), 1.75),
        (Passes(7.0, 5.0, at_most=True), 4.25),
        (Passes(3.0), 0.75),
        (None, None),
    ],
)
def test_a_backward_pass_counts_as_two_forward_passes(passes: Passes | None, expected: float | None) -> None:
    assert cost(passes) == expected


def test_mean_and_worst() -> None:
    one = standing("one", 1.0, pearson=(0.5, 0.9), cmd=(0.2, 0.4), auroc=(None, 0.8))
    assert (one.mean("pearson"), one.worst("pearson")) == (pytest.approx(0.7), 0.5)
    assert (one.mean("cmd"), one.worst("cmd")) == (pytest.approx(0.3), 0.4)  # less is better
    assert (one.mean("auroc"), one.worst("auroc")) == (0.8, 0.8)
    assert (one.mean("top"), one.worst("top")) == (None, None)
    assert one.summary()["cmd"] == {"mean": pytest.approx(0.3), "worst": 0.4}


def test_for_effects_counts_the_worst_of_both_correlations() -> None:
    one = standing("one", 1.0, pearson=(0.9, 0.7), spearman_of_sizes=(0.95, 0.6))
    assert for_effects(one) == 0.6
    assert for_effects(standing("one", 1.0, pearson=(0.9, 0.7), spearman_of_sizes=(0.95, 0.8))) == 0.7
    assert for_effects(standing("refused once", 1.0, pearson=(0.9, None), spearman_of_sizes=(0.9, 0.9))) is None


def test_worth_its_cost_is_what_beats_all_that_cost_less() -> None:
    methods = [
        rated("dear and worse", 4.0, 0.6),
        rated("better", 1.75, 0.8),
        rated("no better", 2.0, 0.8),
        rated("best of its cost", 1.0, 0.5),
        rated("cheaper than EAP", 0.5, 0.4),
        rated("second of its cost", 1.0, 0.45),
        rated("of unknown cost", None, 0.99),
        standing("refused", 1.0),
        rated("best", 9.0, 0.85),
    ]
    found = [one.name for one in worth_their_cost(methods, PURPOSES[EFFECTS])]
    assert found == ["best of its cost", "better", "best"]
    assert worth_their_cost([], for_effects) == ()


def test_for_circuits_less_is_better() -> None:
    methods = [
        standing("a", 1.0, cmd=(0.2, 0.4)),
        standing("b", 2.0, cmd=(0.1, 0.3)),
        standing("c", 3.0, cmd=(0.1, 0.4)),
    ]
    assert [one.name for one in worth_their_cost(methods, PURPOSES[CIRCUITS])] == ["a", "b"]
    assert by_mean(methods[0], "cmd") == pytest.approx(-0.3)
    assert partial(by_mean, measure="pearson")(methods[0]) is None
