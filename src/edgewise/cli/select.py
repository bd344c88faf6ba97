"""`edgewise select`: another circuit from the scores of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.groups import CIRCUIT
from edgewise.cli.options import AsJson, Given, Rows, takes

EXAMPLES = """Examples:

edgewise select runs/demo --top 50 --out top50.json

edgewise select runs/demo --top 50 --stable --out stable.json

edgewise select runs/demo --threshold 0.1 --prune --out strong.json
"""


@takes(CIRCUIT)
def select(
    given: Given,
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    out: Annotated[Path, typer.Option("--out", help="File of the new circuit, .json or .pt, in EAP-IG's format.")],
    rows: Rows = 20,
    as_json: AsJson = False,
) -> None:
    """Keep other edges of a finished run: no model is run, and the run stays as it is."""
    from edgewise.report.document import circuit_document
    from edgewise.report.text import show as as_text
    from edgewise.runs.reselect import reselect
    from edgewise.settings.selection import Selection

    rule = Selection(**given)
    found = reselect(folder, rule, out)
    level = found.run.config.level
    if as_json:
        output.document(circuit_document(found.circuit, found.run.scores, rows, by=rule.by) | {"file": str(found.path)})
        return
    output.result(f"{level}s kept: {rule.describe(level)}")
    output.result(as_text(found.circuit, found.run.scores, rows, rule.by))
    output.result(f"\nWrote {found.path}")
