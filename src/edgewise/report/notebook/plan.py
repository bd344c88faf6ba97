"""A plan: what a run will cost, line by line."""

from __future__ import annotations

from edgewise.report.notebook.markup import heading, html_table, lines
from edgewise.report.plan import asked_words, cost_table, verdict
from edgewise.runs.plan import Plan


def plan_html(plan: Plan) -> str:
    """What `edgewise.plan` returns."""
    return heading(asked_words(plan)) + html_table(cost_table(plan)) + lines(verdict(plan))
