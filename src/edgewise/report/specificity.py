"""Circuits on other tasks as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.report.table import fixed, table
from edgewise.runs.specificity import Cell, Specificity

HEADER = ("run", "task", "faithfulness", "stderr", "random", "most", "metric")


def show_specificity(found: Specificity) -> str:
    """A row a circuit and task; own tasks are marked; then a line on each circuit."""
    rows = [_row(cell) for cell in found.cells]
    sizes = "; ".join(f"{run}: {edges:,} edges" for run, edges in zip(found.runs, found.edges, strict=True))
    head = (
        f"{found.model}: {found.n} held-out prompts of each task, {found.random} random circuits of each size; {sizes}"
    )
    return "\n".join((head, "", table(HEADER, rows, right=(2, 3, 4, 5, 6)), "", *map(str, _notes(found))))


def _row(cell: Cell) -> tuple[str, ...]:
    task = f"{cell.task} (its own)" if cell.own else cell.task
    if cell.carried is None:
        return (cell.run, f"{task}: {cell.refused.partition(';')[0][:80]}", *[""] * 5)
    one = cell.carried
    known = [value for value in one.random if value is not None]
    mean, most = (sum(known) / len(known), max(known)) if known else (None, None)
    numbers = (one.faithfulness, one.stderr, mean, most, one.full)
    return (cell.run, task, *(fixed(number, 2) for number in numbers))


def _notes(found: Specificity) -> Iterator[str]:
    """Of each circuit: which other tasks it keeps at least half as well as the whole model does."""
    for run in found.runs:
        others = [cell for cell in found.cells if cell.run == run and not cell.own and cell.carried is not None]
        if not others:
            yield f"{run}: on no other task can what the circuit keeps be told"
            continue
        kept = [c.task for c in others if c.carried and c.carried.faithfulness and c.carried.faithfulness >= 0.5]
        of = f"of {len(others)} other tasks" if len(others) != 1 else "of the one other task"
        what = f"keeps half or more of {', '.join(kept)} too" if kept else "keeps less than half of any"
        yield f"{run}: {of} the circuit {what}"
