"""Stored runs as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgewise.report.rows import best
from edgewise.report.text import DEFAULT_TOP
from edgewise.runs.folder import Run


def run_document(run: Run, top: int = DEFAULT_TOP) -> dict[str, Any]:
    """Return a run as JSON values: folder, whether it was reused, `run.json`, the best edges or nodes.

    Args:
        run: a finished run.
        top: number of edges or nodes at most.
    """
    config = run.config
    rows = [asdict(row) for row in best(run.scores, run.circuit, top, config.selection.by)]
    return {
        "folder": str(run.folder),
        "reused": run.reused,
        "run": run.record.to_json(),
        f"{config.level}s": rows,
    }
