"""What the agreement of scores with exact effects means, in one sentence or two, by the criteria of `criteria`.

1. All that is asked for *finding* the edges passes: they can be trusted to find them, and for their sizes where these
   pass too.
2. Something of it fails: a first look, to be taken with care. A number that is below `MISSED` (.5) with all of its
   interval: do not trust them.
3. Too little was measured to tell: that is said, with how many would, and whatever else is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgewise.evaluation.agreement import Agreement, Estimate
from edgewise.evaluation.criteria import FINDING, SLOPES, Criterion, Outcome, criteria, ends, enough, joint

MISSED = 0.5


def verdict(agreement: Agreement, what: str = "edge") -> str:
    """Say how far the scores can be trusted.

    Args:
        agreement: the numbers.
        what: ``"edge"`` or ``"node"``.
    """
    judged = criteria(agreement)
    finding = [one for one in judged if one.about == FINDING]
    sizes = [one for one in judged if one.about != FINDING]
    words, found, right = _finding(agreement, what), joint(finding), joint(sizes)
    numbers = _sizes(agreement)
    if found == "undefined":
        return f"Nothing can be said about the scores: {_missing(agreement)}."
    if any(_misses(agreement, one) == "passes" for one in finding):
        return f"Do not trust the scores: {words}; {numbers}."
    if found == "fails":
        doubt = any(_misses(agreement, one) == "undecided" for one in finding)
        more = f"; too few {what}s were measured to tell whether it is less than half" if doubt else ""
        return f"Trust the scores with care, as a first look: {words}{more}; {numbers}."
    if found == "undecided":
        asked = f"Too few {what}s were measured to tell whether the scores find the {_those(agreement, what)}: {words}"
        return (
            f"{asked}; {_more(agreement, finding, what)}. {_of_sizes(agreement, sizes)}: {numbers}{_also(agreement)}."
        )
    if right == "passes":
        return f"The scores can be trusted, to find the {what}s and for their sizes: {words}; {numbers}."
    if right == "undecided":
        open_ = f"too few were measured to tell whether their sizes are right: {numbers}"
        return f"The scores can be trusted to find the {what}s: {words}; {open_}; {_more(agreement, sizes, what)}."
    return f"The scores can be trusted to find the {what}s, but not for their sizes: {words}; {numbers}."


def _misses(agreement: Agreement, one: Criterion) -> Outcome:
    """Whether a number is below `MISSED` for certain."""
    number: Estimate = getattr(agreement, one.name)
    bounds = ends(number, agreement.is_exact)
    if bounds is None:
        return "undecided"
    return "passes" if bounds[1] < MISSED else "undecided" if bounds[0] < MISSED else "fails"


def _finding(agreement: Agreement, what: str) -> str:
    """What decides whether the edges are found, in words."""
    if agreement.k is None:
        words = f"the rank correlation of sizes is {_digits(agreement.spearman_of_sizes)}"
        return f"{words}, and {_percent(agreement.sign_agreement)} of all signs agree"
    k, recall, sign = agreement.k, agreement.recall, agreement.sign_agreement_of_top
    if k == 1:
        known = {(1.0, 1.0): "is", (0.0, 0.0): "is not"}.get(ends(recall, agreement.is_exact) or (0.0, 1.0))
        found = f"the {what} of largest exact effect {known or 'may be or not be'} that of largest score"
        return f"{found}, whose sign is {'not known' if sign.value is None else 'right' if sign.value else 'wrong'}"
    found = f"of the {k:,} {what}s of largest exact effect, {_percent(recall)} are among the {k:,} of largest score"
    return f"{found}, and {_percent(sign)} of the latter have the right sign"


def _those(agreement: Agreement, what: str) -> str:
    if agreement.k is None:
        return f"{what}s"
    return f"largest {what}" if agreement.k == 1 else f"{agreement.k:,} largest {what}s"


def _of_sizes(agreement: Agreement, sizes: Sequence[Criterion]) -> str:
    right, outcomes = joint(sizes), {one.name: one.outcome for one in sizes}
    if (outcomes["r2"], outcomes["slope"]) == ("passes", "fails"):
        less = (agreement.slope.value or 0.0) < SLOPES[0]
        return f"Their sizes are in proportion, but {'too large' if less else 'too small'}"
    return {
        "passes": "Their sizes are right",
        "fails": "Their sizes are not right",
        "undecided": "Nor can it be told whether their sizes are right",
        "undefined": "Their sizes cannot be judged",
    }[right]


def _also(agreement: Agreement) -> str:
    """What else is known where the first k cannot be judged."""
    if agreement.k is None:
        return ""
    return f"; of all signs {_percent(agreement.sign_agreement)} agree"


def _sizes(agreement: Agreement) -> str:
    r2, slope = agreement.r2, agreement.slope
    if r2.value is None or slope.value is None:
        return "of sizes nothing can be said, as they do not vary"
    return f"R² is {_digits(r2)} and the slope {_digits(slope)}"


def _more(agreement: Agreement, judged: Sequence[Criterion], what: str) -> str:
    """How many measured ones would tell."""
    needed, k = enough(judged) or agreement.population, agreement.k
    if needed >= 0.9 * agreement.population:
        return f"nearly all {agreement.population:,} would have to be measured to tell (--edges all --overwrite)"
    place = 10 ** max(0, int(math.log10(needed)) - 1)
    rounded = math.ceil(needed / place) * place
    largest = f" --largest {k}" if k is not None and judged[0].about == FINDING else ""
    return f"about {rounded:,} {what}s would tell, or more (--edges {rounded}{largest} --overwrite)"


def _missing(agreement: Agreement) -> str:
    return "; ".join(agreement.notes) or "no k was given, and there is no rank correlation"


def _digits(number: Estimate) -> str:
    if number.value is None:
        return "not defined"
    spread = "" if number.low is None or number.high is None or number.low == number.high else _range(number, 1)
    return f"{number.value:.2f}{spread}"


def _percent(number: Estimate) -> str:
    if number.low is None or number.high is None:
        return "an unknown share" if number.value is None else f"{100 * number.value:.0f} %"
    if number.value is None:
        return f"{100 * number.low:.0f} to {100 * number.high:.0f} %"
    return f"{100 * number.value:.0f} %{'' if number.low == number.high else _range(number, 100)}"


def _range(number: Estimate, unit: int) -> str:
    low, high = (number.low or 0.0) * unit, (number.high or 0.0) * unit
    return f" ({low:.0f} to {high:.0f})" if unit == 100 else f" ({low:.2f} to {high:.2f})"
