"""What `edgewise check` found, as a table with a verdict, and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edgewise.engine.check import CheckRow, Language
from edgewise.report.table import table


def check_document(model: str, dtype: str, rows: Sequence[CheckRow], says: Language) -> dict[str, Any]:
    """All rows, and what the model says, as JSON values."""
    return {
        "model": model,
        "dtype": dtype,
        "passed": all(row.passed for row in rows),
        "verdict": verdict(model, dtype, rows, says),
        "rows": [asdict(row) for row in rows],
        "language": _language_document(says),
        "warnings": [] if says.warning is None else [says.warning],
    }


def show_check(model: str, dtype: str, rows: Sequence[CheckRow], says: Language) -> str:
    """A line for each row, what the model says, and the verdict."""
    cells = [
        (row.name, "pass" if row.passed else "FAIL", f"{row.error:.1e}", f"{row.tolerance:.1e}", row.detail)
        for row in rows
    ]
    shown = table(("check", "result", "error", "tolerance", "detail"), cells, right=(2, 3))
    return f"{shown}\n\n{_show_language(says)}\n\n{verdict(model, dtype, rows, says)}"


def verdict(model: str, dtype: str, rows: Sequence[CheckRow], says: Language) -> str:
    """Whether the model can be trusted, in one sentence."""
    failed = [row for row in rows if not row.passed]
    if failed:
        named = ", ".join(f"'{row.name}'" for row in failed)
        return f"Do not trust scores or patched runs of {model} in {dtype}: {named} failed."
    limits = "" if dtype in ("float32", "float64") else "; how far single scores are right is measured in float32 alone"
    if says.warning is not None:
        return (
            f"Scores and patched runs of {model} in {dtype} are what its weights make them (all {len(rows)} checks"
            f" passed{limits}), but this may not be the model you mean: see the warning."
        )
    return f"Scores and patched runs of {model} in {dtype} can be trusted: all {len(rows)} checks passed{limits}."


def _show_language(says: Language) -> str:
    if says.why_not is not None:
        return f"What the model says of plain English was not asked: {says.why_not}."
    if says.loss is None:
        return f"What the model says of plain English could not be asked: {says.wrong}."
    cells = [
        (one.text, ", ".join(f"{token!r} {share:.2f}" for token, share in one.likeliest)) for one in says.continuations
    ]
    loss = f"loss on plain English: {says.loss:.2f} nats a token ({says.n_tokens} tokens); chance: {says.chance:.2f}"
    return f"{table(('after', 'likeliest next tokens'), cells)}\n{loss}" if cells else loss


def _language_document(says: Language) -> dict[str, Any]:
    return {
        "continuations": [
            {"text": one.text, "likeliest": [{"token": token, "probability": share} for token, share in one.likeliest]}
            for one in says.continuations
        ],
        "loss": says.loss,
        "chance": None if says.loss is None else says.chance,
        "tokens": says.n_tokens,
        "not_asked": says.why_not,
    }
