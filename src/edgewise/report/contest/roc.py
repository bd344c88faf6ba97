"""Methods against a circuit that is known, as text and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from edgewise.evaluation.roc import Front, RocCurve
from edgewise.report.charts.chart import Chart
from edgewise.report.charts.roc import Drawn, roc_chart
from edgewise.report.picture.circuit import Heading
from edgewise.report.table import fixed, table
from edgewise.runs.contest.entrants import ROWS
from edgewise.runs.contest.roc_result import Judged, RocLine, RocResult

HEADER = ("method", "circuits", "AUC", "pessimistic", "J", "at", "TPR", "FPR", "precision")
EXPLAINED = (
    "AUC: trapezoid over all scores, or through the best circuits of a sweep. pessimistic: ACDC's step function,\n"
    "which counts few points against a method. J: the largest TPR - FPR, reached at the score or setting beside it."
)


def show_roc(result: RocResult, level: str = "edge") -> str:
    """Return what `edgewise roc` prints.

    Args:
        result: the comparison.
        level: ``"edge"`` or ``"node"``.
    """
    judged = [(line.title, line.levels[level]) for line in result.lines if level in line.levels]
    head = "\n".join((f"{roc_title(result)}: {result.n:,} prompts, {result.metric}", *truth_words(result, level)))
    if not judged:
        return "\n\n".join((head, *result.notes))
    parts = [head, table(HEADER, roc_rows(result, level), right=(1, 2, 3, 4, 6, 7, 8))]
    if any(one.intervals for _, one in judged):
        parts.append(table(("95 % over prompts", "AUC", "pessimistic", "J"), _intervals(judged)))
    return "\n\n".join((*parts, EXPLAINED, *result.notes))


def roc_rows(result: RocResult, level: str = "edge") -> list[tuple[str, ...]]:
    """A row of the table for each method that has the level; args as of `show_roc`."""
    return [_row(line.title, line.levels[level]) for line in result.lines if level in line.levels]


def roc_picture(result: RocResult, level: str = "edge") -> Chart:
    """Return the picture of a comparison; args as of `show_roc`."""
    places = line_places(result.lines)
    drawn = [
        Drawn(_in_key(line.title, judged.roc), judged.roc, places[line.name])
        for line in result.lines
        if (judged := line.levels.get(level)) is not None
    ]
    about = f"{result.n:,} prompts · {result.metric} · ranked by {result.by}"
    heading = Heading(f"{level.capitalize()}s of {roc_title(result)}", (about, *truth_words(result, level)))
    return roc_chart(drawn, heading, level)


def line_places(lines: Sequence[RocLine]) -> dict[str, int]:
    """How each method is drawn: a row of the table as ever, any other in a way that is left."""
    known = {name: place for place, name in enumerate(ROWS)}
    taken = {known.get(line.name) for line in lines}
    left = (place for place in count() if place not in taken)
    return {line.name: known[line.name] if line.name in known else next(left) for line in lines}


def _in_key(title: str, roc: RocCurve | Front) -> str:
    return f"{title}: AUC {fixed(roc.auc, 3)}, pessimistic {fixed(roc.auc_pessimistic, 3)}"


def roc_title(result: RocResult) -> str:
    """What the methods were run on."""
    return f"{result.model} on {result.task}"


def truth_words(result: RocResult, level: str = "edge") -> tuple[str, ...]:
    """What the methods are held against, as one line."""
    of = next((line.levels[level].roc for line in result.lines if level in line.levels), None)
    counts = "" if of is None else f": {of.positives:,} of {of.positives + of.negatives:,} {level}s"
    return (f"truth: {result.truth}{counts}",)


def _row(title: str, one: Judged) -> tuple[str, ...]:
    roc = one.roc
    circuits = f"{len(roc.settings)}" if isinstance(roc, Front) else "all"
    numbers = (fixed(value, 3) for value in (roc.auc, roc.auc_pessimistic, roc.youden))
    rates = (fixed(one.number(name), 3) for name in ("tpr", "fpr", "precision"))
    return (title, circuits, *numbers, roc.at, *rates)


def _intervals(judged: list[tuple[str, Judged]]) -> list[tuple[str, ...]]:
    found = [(title, one.intervals) for title, one in judged if one.intervals is not None]
    return [
        (title, *(f"{low:.3f} to {high:.3f}" for low, high in (of.auc, of.auc_pessimistic, of.youden)))
        for title, of in found
    ]
