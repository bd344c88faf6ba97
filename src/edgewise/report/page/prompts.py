"""A run's prompts and where its heads look, for its page."""

from __future__ import annotations

from edgewise.report.page.measured import undamaged
from edgewise.report.page.values import Patterns, Prompt, Prompts
from edgewise.report.prompts import describe
from edgewise.runs.shown_prompts import ShownRow
from edgewise.runs.store.examples import Examples, Likely, read_examples
from edgewise.runs.store.folder import Run


def examples(run: Run) -> Examples | None:
    """What was kept of the run's prompts, if anything."""
    return undamaged(read_examples, run.folder)


def prompts(run: Run, kept: Examples | None) -> Prompts | None:
    """Return the prompts of which there is more than their number."""
    shown = run.record.prompts.shown
    said = () if shown is None else tuple(f"{line[:1].upper()}{line[1:]}." for line in describe(shown))
    if kept is None:
        rows = () if shown is None else shown.rows
        return (
            None
            if shown is None
            else Prompts(said, (), (), (), tuple(_prompt(i, row, None) for i, row in enumerate(rows)))
        )
    some = tuple(_prompt(one.place, one.shown, one.likely) for one in kept.prompts)
    return Prompts(said, kept.rows, kept.clean, kept.corrupted, some)


def patterns(kept: Examples | None) -> Patterns | None:
    """Return where heads look, where that was kept."""
    if kept is None or kept.attention is None:
        return None
    found = kept.attention
    return Patterns(found.row, found.tokens.texts, {one.head: one.weights for one in found.heads})


def _prompt(place: int, row: ShownRow, likely: Likely | None) -> Prompt:
    expected = (
        None if likely is None else tuple(zip(likely.tokens.texts, map(float, likely.probabilities), strict=True))
    )
    return Prompt(
        place=place,
        row=row.row,
        clean=row.clean.texts,
        corrupted=row.corrupted.texts,
        differs=row.differs,
        reads=row.positions,
        right=row.answers.texts,
        wrong=row.wrong_answers.texts,
        likely=expected,
    )
