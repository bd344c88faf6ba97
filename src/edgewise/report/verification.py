"""A verification as plain text and as one JSON document."""

from __future__ import annotations

from typing import Any

from edgewise.evaluation.agreement import Estimate
from edgewise.evaluation.criteria import Criterion
from edgewise.report.numbers import plain
from edgewise.report.table import Table
from edgewise.report.text import stated_error
from edgewise.runs.methods.advice import nearer
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.either import AnyRun
from edgewise.runs.verification import Verification

MOST_WRONG = 10
LIMIT = "Intervals leave room for one unmeasured {} as far off as the worst measured, not for still worse ones."


def show_verification(run: AnyRun, verification: Verification, rows: int = MOST_WRONG) -> str:
    """Return what `edgewise verify` prints: what was measured, the agreement, the most wrong edges, the verdict.

    Args:
        run: the run that was verified.
        verification: what was found.
        rows: number of edges or nodes at most.
    """
    said = verification.agreement
    parts = (
        f"{_what(run, verification)}\n{measured_words(verification)}",
        str(statistics_table(verification)),
        *_stated(verification),
        *said.notes,
        *([] if said.is_exact else [LIMIT.format(verification.level)]),
        f"Most wrong, in units of {verification.metric}:\n\n{wrong_table(verification, rows)}",
        verification.verdict,
        *([nearer(run.config.method)] if _can_be_nearer(run, verification) else []),
    )
    return "\n\n".join(parts)


def verification_document(verification: Verification) -> dict[str, Any]:
    """Return a verification as JSON values, all measured edges or nodes among them, the most wrong first."""
    return {
        "folder": str(verification.folder),
        "reused": verification.reused,
        "exact": verification.agreement.is_exact,
        "asked": dict(verification.asked),
        **to_json(verification),
    }


def _what(run: AnyRun, verification: Verification) -> str:
    config, prompts = run.config, run.record.prompts
    what = f"{config.model} on {prompts.name}: {verification.n_prompts:,} prompts, {verification.metric}"
    return f"{what}; scores of {config.method} against exact effects"


def _can_be_nearer(run: AnyRun, verification: Verification) -> bool:
    """Whether another method may well do better: something is wrong with these scores, and they are of edges."""
    return verification.level == "edge" and any(one.outcome == "fails" for one in verification.criteria)


def measured_words(verification: Verification) -> str:
    """How many were measured, and which."""
    said, asked, what = verification.agreement, verification.asked, verification.level
    left_out = f" ({verification.unscored:,} have no score and are left out)" if verification.unscored else ""
    verified = asked["verified"]
    before = f"; {verified:,} of them by the run itself, whose scores are exact" if verified else ""
    if said.is_exact:
        return f"measured: all {said.population:,} {what}s{left_out}{before}, so these numbers are exact"
    drawn = said.measured - asked["top"] - asked["lot"] - verified
    lot = f"{asked['lot']:,} drawn by doubt and " if asked["lot"] else ""
    largest = f"the {asked['top']:,} most in doubt, {lot}{drawn:,} of the others at random (seed {asked['seed']})"
    if verified:
        largest = f"{verified:,} by the run itself, whose scores are exact; now {largest}"
    return f"measured: {said.measured:,} of {said.population:,} {what}s{left_out}: {largest}"


def statistics_table(verification: Verification) -> Table:
    """How exact effects and scores agree, beside what is asked for."""
    said, what = verification.agreement, verification.level
    of_all = [
        ("R² (squared Pearson correlation)", "r2"),
        ("slope of exact on score", "slope"),
        ("rank correlation (Spearman)", "spearman"),
        ("rank correlation of sizes", "spearman_of_sizes"),
        ("same sign", "sign_agreement"),
    ]
    if said.k is not None:
        of_all += [
            (f"same sign, {said.k:,} largest scores", "sign_agreement_of_top"),
            (f"largest {said.k:,} {what}s found (recall)", "recall"),
        ]
    asked = {one.name: (_asked(one), one.outcome) for one in verification.criteria}
    cells = []
    for words, name in of_all:
        number: Estimate = getattr(said, name)
        spread = () if said.is_exact else (_interval(number),)
        cells.append((words, _value(number), *spread, *asked.get(name, ("", ""))))
    headings = ("value",) if said.is_exact else ("estimate", "95 % interval")
    header = ("exact effect against score", *headings, "asked", "result")
    return Table(header, cells, right=range(1, 1 + len(headings)))


def _stated(verification: Verification) -> tuple[str, ...]:
    found = verification.stated
    return () if found is None else (f"all scores against exact effects: {stated_error(found.r2, found.r2_low)}",)


def _asked(one: Criterion) -> str:
    return f"{one.least:g} or more" if one.most is None else f"{one.least:g} to {one.most:g}"


def _value(number: Estimate) -> str:
    return "-" if number.value is None else f"{number.value:.3f}"


def _interval(number: Estimate) -> str:
    if number.low is None or number.high is None:
        return "-"
    return "exact" if number.low == number.high else f"{number.low:.3f} to {number.high:.3f}"


def wrong_table(verification: Verification, rows: int) -> Table:
    """What was measured and is most wrong."""
    cells = [
        (
            str(number),
            effect.name,
            plain(effect.score),
            plain(effect.score_stderr),
            plain(effect.exact),
            plain(effect.exact_stderr),
            plain(effect.error),
            "yes" if effect.in_circuit else "no",
        )
        for number, effect in enumerate(verification.effects[:rows], start=1)
    ]
    header = ("#", verification.level, "score", "stderr", "exact", "stderr", "exact - score", "in circuit")
    return Table(header, cells, right=(0, 2, 3, 4, 5, 6))
