"""Whether prompts are any good: what each check finds, its limit and where that comes from, and what to do.

What they need is the metric on every clean and corrupted prompt, which a run has, and no further pass. The
limits are rules of thumb of our own where no source is named: they say where to look, and refuse nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.metrics import Metric
from edgewise.tasks import PromptPair

Values = np.ndarray[Any, np.dtype[np.float64]]
NO_CHANGE = 1e-3
"""Of the mean change from clean to corrupted: a row that changes by less changes nothing."""
LARGEST = 10
"""Scores that are looked at."""


@dataclass(frozen=True)
class DataCheck:
    """One check.

    Args:
        name: what is checked.
        value: the number that is held against the limit.
        limit: the least that is good where `least`, else the most.
        least: which of the two.
        found: what was found, in words.
        source: where the limit comes from.
        do: what to do where it is not kept.
    """

    name: str
    value: float
    limit: float
    least: bool
    found: str
    source: str
    do: str

    @property
    def good(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True)
class Measured:
    """The metric on every prompt and its counterpart, ``[prompt]`` each, and in how many a right answer is on top.

    Args:
        clean: on the clean prompts.
        corrupted: on their counterparts.
        compares: whether above zero means that right answers are preferred to wrong ones.
        top: share of clean prompts whose likeliest token of all is a right answer; None where nobody looked.
    """

    clean: Values
    corrupted: Values
    compares: bool
    top: float | None = None


def check_data(pairs: Sequence[PromptPair], measured: Measured | None) -> tuple[DataCheck, ...]:
    """Every check that what is known allows.

    Args:
        pairs: the prompts.
        measured: the metric on them; None where the model was not asked.
    """
    of_pairs = (_distinct, _balanced, _leaks)
    found = [] if measured is None else [check(measured) for check in _OF_VALUES]
    found += [check(pairs) for check in of_pairs]
    return tuple(check for check in found if check is not None)


def compares(metric: Metric) -> bool:
    """Whether a metric is above zero where right answers are preferred to wrong ones."""
    return {"answers", "wrong_answers"} <= set(metric.needs)


def _right(measured: Measured) -> DataCheck | None:
    if not measured.compares:
        return None
    share = float((measured.clean > 0).mean())
    return DataCheck(
        "right on clean",
        share,
        0.8,
        True,
        f"the metric prefers the right answers in {share:.0%} of rows",
        "rows that the model gets wrong show another behaviour",
        "make the prompts easier (an example in front helps), or keep the right rows with --select correct",
    )


def _turned(measured: Measured) -> DataCheck:
    """Wrong answers need not be preferred on the corrupted prompt (ioi's names are gone there): less is asked."""
    share = float((measured.corrupted < measured.clean).mean())
    below = f", below zero in {float((measured.corrupted < 0).mean()):.0%}" if measured.compares else ""
    return DataCheck(
        "less on corrupted",
        share,
        0.9,
        True,
        f"the metric falls from clean to corrupted in {share:.0%} of rows{below}",
        "a row whose metric rises is explained with the wrong sign",
        "corrupt what the answer depends on, and nothing else",
    )


def _changed(measured: Measured) -> DataCheck:
    change = np.abs(measured.clean - measured.corrupted)
    share = float((change <= NO_CHANGE * change.mean()).mean())
    return DataCheck(
        "rows that change nothing",
        share,
        0.05,
        False,
        f"in {share:.0%} of rows clean and corrupted differ by a thousandth of the mean difference or less",
        "such rows add nothing to any score",
        "leave them out, or corrupt them otherwise",
    )


def _enough(measured: Measured) -> DataCheck | None:
    change = measured.clean - measured.corrupted
    if len(change) < 2:
        return None
    mean, spread = float(change.mean()), float(change.std(ddof=1))
    if not mean:
        return None
    error = spread / len(change) ** 0.5
    needed = int(np.ceil((spread / (0.1 * mean)) ** 2))
    return DataCheck(
        "enough prompts",
        error / abs(mean),
        0.1,
        False,
        f"clean minus corrupted is {mean:.3g} (standard deviation {spread:.3g}), with a standard error of"
        f" {error / abs(mean):.0%}",
        "a tenth: scores of single edges vary more than their total",
        f"use about {needed:,} prompts",
    )


def _spread(measured: Measured) -> DataCheck | None:
    change = np.abs(measured.clean - measured.corrupted)
    if not change.any():
        return None
    share = float(change.sum() ** 2 / (change**2).sum() / len(change))
    return DataCheck(
        "evenly spread",
        share,
        0.5,
        True,
        f"the difference counts like {share * len(change):.0f} of {len(change):,} equal rows",
        "Kish's effective sample size: half is a spread as large as the mean",
        "look at the rows of the largest difference: a few carry all",
    )


def _top(measured: Measured) -> DataCheck | None:
    if measured.top is None:
        return None
    return DataCheck(
        "answers on top",
        measured.top,
        0.5,
        True,
        f"a right answer is the likeliest of all tokens in {measured.top:.0%} of rows",
        "else the metric compares tokens that the model would not say",
        "write prompts that leave one kind of word to say, or other answers",
    )


def check_scores(values: npt.NDArray[Any], stderr: npt.NDArray[Any] | None) -> DataCheck | None:
    """Whether the prompts suffice for the scores of the largest edges; None where these have no standard errors.

    Args:
        values: of every edge (or node); NaN where there is none.
        stderr: over prompts, likewise.
    """
    if stderr is None:
        return None
    known = np.isfinite(values) & np.isfinite(stderr) & (values != 0)
    largest = np.argsort(-np.abs(values[known]))[:LARGEST]
    if not len(largest):
        return None
    share = float(np.median(stderr[known][largest] / np.abs(values[known][largest])))
    return DataCheck(
        "largest scores",
        share,
        0.5,
        False,
        f"the standard errors of the {len(largest)} largest scores are {share:.0%} of these (median)",
        "two standard errors tell a score from zero at 95 %",
        f"use about {max(1.0, (share / 0.5) ** 2):.1f} times as many prompts",
    )


_OF_VALUES: tuple[Callable[[Measured], DataCheck | None], ...] = (_right, _turned, _top, _enough, _spread, _changed)


def _distinct(pairs: Sequence[PromptPair]) -> DataCheck:
    rows = {(pair.clean, pair.corrupted, pair.answers) for pair in pairs}
    share = 1 - len(rows) / len(pairs)
    return DataCheck(
        "duplicates",
        share,
        0.05,
        False,
        f"{len(pairs) - len(rows):,} of {len(pairs):,} rows repeat another",
        "repeated rows make standard errors too small",
        "leave repeated rows out",
    )


def _balanced(pairs: Sequence[PromptPair]) -> DataCheck | None:
    counts = Counter(pair.answers for pair in pairs)
    if not any(counts):
        return None
    share = counts.most_common(1)[0][1] / len(pairs)
    return DataCheck(
        "balance of answers",
        share,
        0.6,
        False,
        f"{len(counts):,} different answers; the commonest is right in {share:.0%} of rows",
        "half of two answers, and two standard errors of a hundred rows",
        "give other answers more rows: to say always the same would be right as often",
    )


def _leaks(pairs: Sequence[PromptPair]) -> DataCheck | None:
    if not any(pair.answers for pair in pairs):
        return None
    # What stands behind the first position read is the answer's own, where it is several tokens.
    before = (set(pair.corrupted[: min(pair.positions) + 1]) for pair in pairs)
    share = sum(bool(set(pair.answers) & seen) for pair, seen in zip(pairs, before, strict=True)) / len(pairs)
    return DataCheck(
        "answers in the corrupted prompt",
        share,
        0.0,
        False,
        f"a right answer stands in the corrupted prompt of {share:.0%} of rows",
        "what copies it there works on both prompts, and patching does not show it",
        "corrupt the answer's place too, or keep it if where to look is the behaviour",
    )
