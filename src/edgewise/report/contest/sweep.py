"""A sweep as plain text."""

from __future__ import annotations

from edgewise.report.numbers import plain
from edgewise.report.table import table
from edgewise.runs.contest.sweep import sweep_table
from edgewise.runs.store.folder import Run


def show_sweep(runs: tuple[Run, ...]) -> str:
    """Return a table of a sweep's runs: edges kept and tested, and the metric of each circuit."""
    record = runs[0].record
    name = record.metric.name
    head = (
        f"{record.config.model} on {record.prompts.name}: {record.prompts.n} prompts, {record.config.method}\n"
        f"{name}: clean {plain(record.metric.clean)}, corrupted {plain(record.metric.corrupted)}"
    )
    cells = [
        (row.folder, f"{row.edges:,} of {row.of:,}", f"{row.tested:,}", plain(row.circuit))
        for row in sweep_table(runs).runs
    ]
    return f"{head}\n\n{table(('run', 'edges kept', 'tested', name), cells, right=(1, 2, 3))}"
