"""How the size of a circuit was measured: what was chosen, and the curve."""

from __future__ import annotations

from edgewise.report.notebook.markup import heading, html_table, lines
from edgewise.report.sizes import curve_of_sizes, describe_size, size_notes
from edgewise.report.text import noted
from edgewise.runs.sized import Sized


def sized_html(found: Sized) -> str:
    """What `Run.sized` holds."""
    return heading(describe_size(found)) + lines(noted(size_notes(found))) + html_table(curve_of_sizes(found))
