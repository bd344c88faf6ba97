"""What is asked of scores, and whether what was measured says that they have it.

1. They *find the edges*: the recall of the first k and the sign agreement of these are at least `FOUND` (.8); without a
   k, the rank correlation of sizes and the sign agreement of all.
2. Their *sizes* are right: R squared is at least `SIZES` (.8), and the slope between `SLOPES` (.8 and 1.25).

Each goes by its 95 % interval: it passes where all of that does, fails where none of it does, and is undecided where a
threshold lies within: then too little was measured to tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from edgewise.evaluation.agreement import Agreement, Estimate
from edgewise.evaluation.counts import interval
from edgewise.evaluation.sampling import LEAST_DRAWN

FOUND, SIZES, SLOPES = 0.8, 0.8, (0.8, 1.25)
FINDING, SIZE = "finding", "sizes"
Outcome: TypeAlias = Literal["passes", "fails", "undecided", "undefined"]


@dataclass(frozen=True)
class Criterion:
    """One thing that is asked of scores.

    Args:
        name: that of the number in `Agreement`.
        about: ``"finding"`` the edges, or their ``"sizes"``.
        least: the least value that passes.
        most: the largest one; None for any.
        outcome: ``"passes"``, ``"fails"``, ``"undecided"`` where too little was measured to tell, or ``"undefined"``.
        enough: about how many measured edges (or nodes) would tell; None where it is told already.
    """

    name: str
    about: str
    least: float
    most: float | None
    outcome: Outcome
    enough: int | None = None


def criteria(agreement: Agreement) -> tuple[Criterion, ...]:
    """Judge everything that is asked of scores."""
    finding = ("spearman_of_sizes", "sign_agreement") if agreement.k is None else ("recall", "sign_agreement_of_top")
    return (
        *(_judged(agreement, name, FINDING, FOUND, None) for name in finding),
        _judged(agreement, "r2", SIZE, SIZES, None),
        _judged(agreement, "slope", SIZE, *SLOPES),
    )


def joint(judged: Iterable[Criterion]) -> Outcome:
    """Of several that are asked for together: they fail with one, and are undecided with one that does not fail."""
    outcomes = {one.outcome for one in judged}
    return next(outcome for outcome in ("undefined", "fails", "undecided", "passes") if outcome in outcomes)


def enough(judged: Iterable[Criterion]) -> int | None:
    """About how many measured edges would tell what is undecided; None where nothing is."""
    return max((one.enough for one in judged if one.enough is not None), default=None)


def ends(number: Estimate, exact: bool) -> tuple[float, float] | None:
    """The interval of a number, itself where it is exact; None where nothing bounds it."""
    if number.low is not None and number.high is not None:
        return number.low, number.high
    return (number.value, number.value) if exact and number.value is not None else None


def _judged(agreement: Agreement, name: str, about: str, least: float, most: float | None) -> Criterion:
    number: Estimate = getattr(agreement, name)
    bounds, above = ends(number, agreement.is_exact), math.inf if most is None else most
    if number.value is None and bounds is None:
        return Criterion(name, about, least, most, "undefined")
    if bounds is None:
        return Criterion(name, about, least, most, "undecided", _for(agreement, name, (least, above)))
    if bounds[0] >= least and bounds[1] <= above:
        return Criterion(name, about, least, most, "passes")
    if bounds[1] < least or bounds[0] > above:
        return Criterion(name, about, least, most, "fails")
    return Criterion(name, about, least, most, "undecided", _for(agreement, name, (least, above)))


def _for(agreement: Agreement, name: str, allowed: tuple[float, float]) -> int:
    """About how many measured edges would tell."""
    if agreement.k is not None and name in ("recall", "sign_agreement_of_top"):
        return max(_to_find(agreement.population, agreement.k), agreement.measured + 1)
    return _to_narrow(agreement, getattr(agreement, name), allowed)


def _to_find(population: int, k: int) -> int:
    """The fewest that can tell that the first k are found: these k, and so many of the others, none of them as large,
    that no more than the share which may be missing can be left unseen.
    """
    others, missing = population - k, math.floor((1 - FOUND) * k + 1e-9)
    low, high = min(LEAST_DRAWN, others), others
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if interval(0, middle, others)[1] <= missing else (middle + 1, high)
    return k + low


def _to_narrow(agreement: Agreement, number: Estimate, thresholds: tuple[float, float]) -> int:
    """So many that the interval ends at the threshold, if its width falls with the root of how many are measured."""
    if number.value is None or number.low is None or number.high is None:
        return agreement.population
    value, wider = number.value, 1.0
    for end in (number.low, number.high):
        for threshold in thresholds:
            if min(end, value) <= threshold <= max(end, value):
                wider = max(wider, abs(end - value) / max(abs(threshold - value), 1e-9))
    return min(agreement.population, max(math.ceil(agreement.measured * wider**2 - 1e-6), agreement.measured + 1))
