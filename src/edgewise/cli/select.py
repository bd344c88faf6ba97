"""`edgewise select`: another circuit from the scores of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson, By, Fraction, Greedy, Prune, Stable, Threshold, Top

if TYPE_CHECKING:
    from edgewise.graph.scores import Ranking

EXAMPLES = """Examples:

edgewise select runs/demo --top 50 --out top50.json

edgewise select runs/demo --top 50 --stable --out stable.json

edgewise select runs/demo --threshold 0.1 --prune --out strong.json
"""


def select(
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    out: Annotated[Path, typer.Option("--out", help="File of the new circuit, .json or .pt, in EAP-IG's format.")],
    top: Top = None,
    threshold: Threshold = None,
    fraction: Fraction = None,
    by: By = "abs",
    greedy: Greedy = False,
    prune: Prune = False,
    stable: Stable = False,
    show: Annotated[int, typer.Option("--show", help="Number of edges (or nodes) to list.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Keep other edges of a finished run: no model is run, and the run stays as it is."""
    from edgewise.report.document import circuit_document
    from edgewise.report.text import show as as_text
    from edgewise.runs.reselect import reselect
    from edgewise.runs.selection import Selection

    rule = Selection(top, threshold, fraction, cast("Ranking", by), greedy, prune, stable)
    found = reselect(folder, rule, out)
    level = found.run.config.level
    if as_json:
        output.document(circuit_document(found.circuit, found.run.scores, show, by=rule.by) | {"file": str(found.path)})
        return
    output.result(f"{level}s kept: {rule.describe(level)}")
    output.result(as_text(found.circuit, found.run.scores, show, rule.by))
    output.result(f"\nWrote {found.path}")
