"""What was measured of a run since it was found, as HTML: its evaluations and its verification."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from edgewise.errors import FormatError
from edgewise.report.numbers import share
from edgewise.report.text import faithfulness
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.store.analysis import Analysis, stored
from edgewise.runs.verification import NAME, Verification


def later(folder: Path) -> str:
    """Return a list of these, empty where there is none; a damaged one is passed over, its own verb refuses it."""
    rows = [*_evaluations(folder), *_verification(folder)]
    if not rows:
        return ""
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<h2>What was measured since</h2>\n<dl class="facts">{cells}</dl>'


def _evaluations(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("evaluation-*.json")):
        try:
            found = stored(Analysis(folder, path.stem), Evaluated)
        except FormatError:
            continue
        if found is None:
            continue
        areas = "" if found.cpr is None else f"; CPR {share(found.cpr)}, CMD {share(found.cmd)}"
        complete = f"; completeness {share(found.completeness)}"
        yield f"evaluation, {found.ablation}", f"faithfulness {faithfulness(found)}{complete}{areas}"
        yield from (("note", line) for line in found.notes)


def _verification(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        found = stored(Analysis(folder, NAME), Verification)
    except FormatError:
        return
    if found is not None:
        yield "verification", found.verdict
