"""A verification: the verdict, the numbers behind it, and what is most wrong."""

from __future__ import annotations

from edgewise.report.notebook.markup import folded, heading, html_table, lines
from edgewise.report.verification import MOST_WRONG, measured_words, statistics_table, wrong_table
from edgewise.runs.verification import Verification


def verification_html(found: Verification) -> str:
    """What `verify` returns."""
    wrong = folded(f"Most wrong, in units of {found.metric}", html_table(wrong_table(found, MOST_WRONG)))
    return heading(found.verdict) + lines([measured_words(found)]) + html_table(statistics_table(found)) + wrong
