"""What the agreement of scores with exact effects means, in one sentence, by stated thresholds.

1. The scores *find the edges* where the recall and the sign agreement of the first k are at least `FOUND` (.8);
   without a k, where the rank correlation of sizes is.
2. Their *sizes* are right where R squared is at least `SIZES` (.8) and the slope between `SLOPES` (.8 and 1.25).
3. A recall (or rank correlation) below `MISSED` (.5), or a majority of wrong signs: do not trust them.

The sentence goes by the estimates. Where an interval reaches across the threshold that decided, it says so.
"""

from __future__ import annotations

from edgewise.evaluation.agreement import Agreement, Estimate

FOUND, MISSED, SIZES, SLOPES = 0.8, 0.5, 0.8, (0.8, 1.25)


def verdict(agreement: Agreement, what: str = "edge") -> str:
    """Say in one sentence how far the scores can be trusted.

    Args:
        agreement: the numbers.
        what: ``"edge"`` or ``"node"``.
    """
    finding, sign, words = _finding(agreement, what)
    sizes = _sizes(agreement)
    if finding.value is None:
        return f"Nothing can be said about the scores: {_missing(agreement)}."
    if finding.value < MISSED or (sign.value is not None and sign.value < MISSED):
        return f"Do not trust the scores: {words}; {sizes}{_unsure(finding, MISSED)}."
    if finding.value < FOUND or (sign.value is not None and sign.value < FOUND):
        return f"Trust the scores with care, as a first look: {words}; {sizes}{_unsure(finding, MISSED, FOUND)}."
    doubt = _unsure(finding, FOUND)
    if _right_sizes(agreement):
        return f"The scores can be trusted, to find the {what}s and for their sizes: {words}; {sizes}{doubt}."
    return f"The scores can be trusted to find the {what}s, but not for their sizes: {words}; {sizes}{doubt}."


def is_right(agreement: Agreement) -> bool:
    """Whether the verdict is the best there is: the scores can be trusted to find and for their sizes."""
    finding, sign, _ = _finding(agreement, "edge")
    found = finding.value is not None and finding.value >= FOUND and (sign.value is None or sign.value >= FOUND)
    return found and _right_sizes(agreement)


def _finding(agreement: Agreement, what: str) -> tuple[Estimate, Estimate, str]:
    """What decides whether the edges are found, the signs that go with it, and both in words."""
    if agreement.k is None:
        ranks, sign = agreement.spearman_of_sizes, agreement.sign_agreement
        words = f"the rank correlation of sizes is {_digits(ranks)}"
        return ranks, sign, f"{words}, and {_percent(sign)} of all signs agree"
    k, recall, sign = agreement.k, agreement.recall, agreement.sign_agreement_of_top
    found = f"of the {k:,} {what}s of largest exact effect, {_percent(recall)} are among the {k:,} of largest score"
    if k == 1:
        found = f"the {what} of largest exact effect is {'' if recall.value == 1 else 'not '}that of largest score"
        return recall, sign, f"{found}, whose sign is {'right' if sign.value == 1 else 'wrong'}"
    return recall, sign, f"{found}, and {_percent(sign)} of the latter have the right sign"


def _right_sizes(agreement: Agreement) -> bool:
    r2, slope = agreement.r2.value, agreement.slope.value
    return r2 is not None and slope is not None and r2 >= SIZES and SLOPES[0] <= slope <= SLOPES[1]


def _sizes(agreement: Agreement) -> str:
    r2, slope = agreement.r2, agreement.slope
    if r2.value is None or slope.value is None:
        return "of sizes nothing can be said, as they do not vary"
    return f"R² is {_digits(r2)} and the slope {_digits(slope)}"


def _missing(agreement: Agreement) -> str:
    return "; ".join(agreement.notes) or "no k was given, and there is no rank correlation"


def _unsure(finding: Estimate, *thresholds: float) -> str:
    """That the interval holds a threshold."""
    low, high = finding.low, finding.high
    if low is None or high is None or not any(low < threshold <= high for threshold in thresholds):
        return ""
    return f" (the first of these numbers may be {low:.2f} to {high:.2f}: measure more to be sure)"


def _digits(number: Estimate) -> str:
    return "not defined" if number.value is None else f"{number.value:.2f}"


def _percent(number: Estimate) -> str:
    return "an unknown share" if number.value is None else f"{100 * number.value:.0f} %"
