"""A comparison: the runs beside each other, and how far their circuits overlap."""

from __future__ import annotations

from edgewise.report.contest.comparison import OVERLAP, PASSES_ARE, matrix_table, prompts_words, runs_table
from edgewise.report.notebook.markup import heading, html_table, lines
from edgewise.report.text import noted
from edgewise.runs.contest.comparison_result import Comparison


def comparison_html(found: Comparison) -> str:
    """What `compare` returns."""
    head = f"{len(found.runs)} runs of {found.model}, on {prompts_words(found.prompts)} by {found.metric}"
    runs = html_table(runs_table(found.runs)) + lines([PASSES_ARE, *noted(found.notes)])
    return heading(head) + runs + lines([OVERLAP]) + html_table(matrix_table(found.overlap))
