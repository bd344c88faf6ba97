"""Examples of tasks as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from edgewise.report.prompts import WIDTH, show_row
from edgewise.runs.task_examples import TaskExample


def show_examples(examples: Iterable[TaskExample], width: int = WIDTH) -> str:
    """A paragraph a task: its first prompt, or in one line why there is none."""
    return "\n\n".join(_example(one, width) for one in examples)


def _example(one: TaskExample, width: int) -> str:
    if one.row is None:
        return f"{one.task}: not for this tokenizer ({one.refused.partition('; ')[0][: 2 * width]})"
    form = f"; answers: {one.form}" if one.form else ""
    return f"{one.task}{form}: {show_row(one.row, width).partition(': ')[2]}"
