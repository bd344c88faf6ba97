"""Results of several runs as what a page shows of them.

What reads them is imported where there are any: a page of one run needs none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgewise.report.page.measured import undamaged
from edgewise.report.page.numbers import rounded, short
from edgewise.report.page.values import ComparedPage, Line, RocPage

COMPARISON, ROC, SHARED = "comparison", "roc", "shared"


def contests(paths: Iterable[Path]) -> tuple[tuple[ComparedPage, ...], tuple[RocPage, ...]]:
    """Return the comparisons and the ROC curves among some files of results; a damaged one is passed over."""
    every = tuple(dict.fromkeys(path.resolve() for path in paths))
    compared = [undamaged(_compared, path) for path in every if path.stem == COMPARISON]
    rocs = [undamaged(_roc, path) for path in every if path.stem == ROC]
    compared += [undamaged(_shared, path) for path in every if path.stem == SHARED]
    return tuple(one for one in compared if one), tuple(one for one in rocs if one)


def _compared(path: Path) -> ComparedPage | None:
    from edgewise.report.contest.comparison import alike, comparison_lines, comparison_said, runs_table
    from edgewise.report.contest.found import known_said
    from edgewise.runs.contest.comparison_result import Comparison
    from edgewise.runs.store.analysis import Analysis, stored_with_question

    found = stored_with_question(Analysis(path.parent, COMPARISON), Comparison)
    if found is None:
        return None
    title, *said = comparison_said(found)
    runs = runs_table(found.results.runs)
    squares = alike(found.results).items()
    return ComparedPage(
        title=title,
        said=(*said, *known_said(found.results.known)),
        header=tuple(runs.header),
        rows=tuple(tuple(row) for row in runs.rows),
        matrices=tuple((name, tuple(tuple(map(short, row)) for row in square)) for name, square in squares),
        lines=tuple(_line(line.words, line.points) for line in comparison_lines(found)),
    )


def _shared(path: Path) -> ComparedPage | None:
    from edgewise.report.contest.shared import edges_table, shared_head
    from edgewise.runs.contest.shared_result import Shared
    from edgewise.runs.store.analysis import Analysis, stored_with_question

    stored = stored_with_question(Analysis(path.parent, SHARED), Shared)
    if stored is None:
        return None
    found = stored.results
    title, *said = shared_head(found).splitlines()
    header, rows = edges_table(found)
    squares = {"Overlap of circuits (Jaccard)": found.overlap, "Rank correlation of score": found.rank_correlation}
    return ComparedPage(
        title=title,
        said=tuple(said),
        header=header,
        rows=rows,
        matrices=tuple((name, tuple(tuple(map(short, row)) for row in square)) for name, square in squares.items()),
        lines=(),
    )


def _roc(path: Path) -> RocPage:
    from edgewise.report.contest.roc import HEADER, roc_rows, roc_title, truth_words
    from edgewise.runs.contest.roc_result import RocResult
    from edgewise.runs.store.results import read_result

    result = read_result(RocResult, path.parent)
    curves = [(line.title, line.levels["edge"].roc) for line in result.lines]
    return RocPage(
        title=roc_title(result),
        said=(*truth_words(result), *result.notes),
        header=HEADER,
        rows=tuple(roc_rows(result)),
        lines=tuple(_line(title, zip(roc.fpr.tolist(), roc.tpr.tolist(), strict=True)) for title, roc in curves),
    )


def _line(label: str, points: Iterable[tuple[float, float]]) -> Line:
    every = list(points)
    return Line(label, tuple(zip(rounded([x for x, _ in every]), rounded([y for _, y in every]), strict=True)))
