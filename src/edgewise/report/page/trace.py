"""A search's tests, for its page."""

from __future__ import annotations

import json
from typing import Any

from edgewise.report.page.measured_values import Trace
from edgewise.report.page.numbers import known
from edgewise.runs.store.folder import TRACE, Run

MOST = 2000


def trace(run: Run) -> Trace | None:
    """Return the tests of a run whose method keeps a trace: all that kept an edge, and of the others some evenly."""
    path = run.folder / TRACE
    if not path.is_file():
        return None
    try:
        steps: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        every = max(1, len(steps) // MOST)
        chosen = [(at, step) for at, step in enumerate(steps, start=1) if step["kept"] or at % every == 0]
        return Trace(
            total=len(steps),
            numbers=tuple(at for at, _ in chosen),
            names=tuple(str(step["edge"]) for _, step in chosen),
            before=known(float(step["before"]) for _, step in chosen),
            after=known(float(step["after"]) for _, step in chosen),
            kept=tuple(int(bool(step["kept"])) for _, step in chosen),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
