"""A run: what was run, how good its circuit is, and the best edges."""

from __future__ import annotations

from edgewise.report.document import warnings
from edgewise.report.notebook.circuit import small_picture
from edgewise.report.notebook.markup import folded, heading, html_table, lines
from edgewise.report.rows import best
from edgewise.report.sizes import describe_size
from edgewise.report.text import (
    circuit_line,
    describe_exact,
    describe_faithfulness,
    how_it_was_run,
    noted,
    rows_table,
    what_was_run,
)
from edgewise.runs.store.folder import Run
from edgewise.runs.store.names import PAGE

SHOWN = 10


def run_html(run: Run) -> str:
    """What `edgewise show` says, shorter, with a small picture."""
    record = run.record
    exact = () if record.exact is None else describe_exact(record).splitlines()
    sized = () if run.sized is None else (describe_size(run.sized),)
    circuit = (circuit_line(run.circuit), *sized, describe_faithfulness(run), *noted(run.notes))
    said = (how_it_was_run(record), *exact, *circuit)
    rows = html_table(rows_table(best(run.scores, run.circuit, SHOWN, record.config.selection.by), run.scores))
    drawn = folded("Picture", small_picture(run.circuit, run.scores, record.metric.name))
    warned = lines(f"warning: {one}" for one in warnings(run))
    return heading(what_was_run(record)) + lines(said) + warned + rows + drawn + lines([_where(run)])


def _where(run: Run) -> str:
    page = run.folder / PAGE
    return f"to explore it, open {page}" if page.is_file() else f"stored in {run.folder}"
