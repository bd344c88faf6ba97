"""Scores: how many, and the largest."""

from __future__ import annotations

from edgewise.graph import EdgeScores, NodeScores
from edgewise.graph.ranked import RankedScores
from edgewise.report.notebook.markup import heading, html_table
from edgewise.report.numbers import plain
from edgewise.report.table import Table

SHOWN = 10


def scores_html(scores: EdgeScores | NodeScores) -> str:
    """The number of scores and the largest of them."""
    return heading(repr(scores)) + ranked_html(scores.top(SHOWN))


def ranked_html(best: RankedScores) -> str:
    """A row each, best first."""
    spread = any(row.stderr is not None for row in best)
    checked = any(row.exact is not None for row in best)
    header = ("#", best.what, "score", *(("stderr",) if spread else ()), *(("estimate", "score is") if checked else ()))
    rows = [
        (
            str(number),
            row.name,
            plain(row.score),
            *((plain(row.stderr),) if spread else ()),
            *((plain(row.estimate), "exact" if row.exact else "estimate") if checked else ()),
        )
        for number, row in enumerate(best, start=1)
    ]
    return html_table(Table(header, rows, right=(0, 2, *range(3, 3 + spread + checked))))
