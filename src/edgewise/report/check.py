"""What `edgewise check` found, as a table with a verdict, and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edgewise.engine.check import CheckRow
from edgewise.report.table import table


def check_document(model: str, dtype: str, rows: Sequence[CheckRow]) -> dict[str, Any]:
    """All rows as JSON values."""
    passed = all(row.passed for row in rows)
    plain = [asdict(row) for row in rows]
    return {"model": model, "dtype": dtype, "passed": passed, "verdict": verdict(model, dtype, rows), "rows": plain}


def show_check(model: str, dtype: str, rows: Sequence[CheckRow]) -> str:
    """A line for each row, and the verdict."""
    cells = [
        (row.name, "pass" if row.passed else "FAIL", f"{row.error:.1e}", f"{row.tolerance:.1e}", row.detail)
        for row in rows
    ]
    shown = table(("check", "result", "error", "tolerance", "detail"), cells, right=(2, 3))
    return f"{shown}\n\n{verdict(model, dtype, rows)}"


def verdict(model: str, dtype: str, rows: Sequence[CheckRow]) -> str:
    """Whether the model can be trusted, in one sentence."""
    failed = [row for row in rows if not row.passed]
    if failed:
        named = ", ".join(f"'{row.name}'" for row in failed)
        return f"Do not trust scores or patched runs of {model} in {dtype}: {named} failed."
    limits = "" if dtype in ("float32", "float64") else "; how far single scores are right is measured in float32 alone"
    return f"Scores and patched runs of {model} in {dtype} can be trusted: all {len(rows)} checks passed{limits}."
