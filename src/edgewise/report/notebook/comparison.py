"""A comparison: the runs beside each other, and how far their circuits overlap."""

from __future__ import annotations

from edgewise.report.contest.comparison import OVERLAP, PASSES_ARE, matrix_table, prompts_words, runs_table
from edgewise.report.contest.found import known_table, ranked_said
from edgewise.report.notebook.markup import heading, html_table, lines
from edgewise.report.text import noted
from edgewise.runs.contest.comparison_result import Comparison


def comparison_html(found: Comparison) -> str:
    """What `compare` returns."""
    counted = f"{len(found.runs)} run{'' if len(found.runs) == 1 else 's'} of {found.model}"
    head = f"{counted}, on {prompts_words(found.prompts)} by {found.metric}"
    runs = html_table(runs_table(found.runs)) + lines([PASSES_ARE, *noted(found.notes)])
    overlap = lines([OVERLAP]) + html_table(matrix_table(found.overlap)) if len(found.runs) > 1 else ""
    return heading(head) + runs + overlap + _known(found)


def _known(found: Comparison) -> str:
    """What each run has of a known circuit."""
    if found.known is None:
        return ""
    table = html_table(known_table(found.known))
    return lines([f"Against {found.known.circuit}"]) + table + lines(list(ranked_said(found.known)))
