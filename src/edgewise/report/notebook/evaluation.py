"""An evaluation: the circuits that were run, and the shares of the behaviour that they keep."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.evaluation.result import Evaluation, Point
from edgewise.report.evaluation import circuits_table, shares_table
from edgewise.report.notebook.markup import folded, heading, html_table, lines
from edgewise.report.numbers import on_prompts, share
from edgewise.report.table import Table
from edgewise.report.text import noted
from edgewise.runs.evaluated import Evaluated


def evaluation_html(found: Evaluation) -> str:
    """What `evaluate_circuit` returns."""
    curve = () if found.curve is None else found.curve.points
    head = f"{found.metric} on {found.n_prompts:,} prompts, {found.ablation} ablation"
    return heading(head) + _tables(found) + _curve(curve) + _warned(found.warnings)


def evaluated_html(found: Evaluated) -> str:
    """What `evaluate` returns."""
    head = f"{found.metric} {on_prompts(found.prompts)} of {found.prompts.what}, {found.ablation} ablation"
    return (
        heading(head) + lines(noted(found.notes)) + _tables(found) + _curve(found.curve or ()) + _warned(found.warnings)
    )


def _tables(found: Evaluation | Evaluated) -> str:
    return html_table(circuits_table(found)) + html_table(shares_table(found))


def _curve(points: Sequence[Point]) -> str:
    if not points:
        return ""
    rows = [(f"{at.fraction:g}", f"{at.edges:,}", share(at.faithfulness), share(at.stderr)) for at in points]
    table = Table(("fraction", "edges", "faithfulness", "stderr"), rows, right=(0, 1, 2, 3))
    return folded("The best edges at ten sizes", html_table(table))


def _warned(warnings: Sequence[str]) -> str:
    return lines(f"warning: {one}" for one in warnings)
