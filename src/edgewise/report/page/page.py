"""One run or several as one HTML page that explores them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edgewise.report.page.contests import contests
from edgewise.report.page.html import html
from edgewise.report.page.run import run_page
from edgewise.report.page.values import Page
from edgewise.report.title import title_of
from edgewise.runs.store.beside import results_beside
from edgewise.runs.store.folder import Run

PRODUCT = "edgewise"


def page(run: Run) -> str:
    """Return the page of a finished run; the same run, and what was measured of it, give the same text."""
    return page_of([run])


def page_of(runs: Sequence[Run], results: Iterable[Path] = ()) -> str:
    """Return the page of runs beside each other.

    Args:
        runs: finished ones.
        results: files of results that speak of them, beside those that their folders name.
    """
    named = (path for run in runs for path in results_beside(run.folder))
    compared, rocs = contests((*results, *named))
    title = title_of(runs[0].record) if len(runs) == 1 else f"{len(runs)} runs"
    return html(Page(f"{title} · {PRODUCT}", tuple(map(run_page, runs)), compared, rocs))
