"""`edgewise export`: a result in another program's format."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.completion import completing
from edgewise.cli.options import AsJson
from edgewise.runs.exchange import FORMATS

EXAMPLES = """Examples:

edgewise export runs/demo --format csv --out scores.csv

edgewise export runs/demo --format eap-ig-json --out graph.json

edgewise export top50.json --format graphml --out top50.graphml
"""


def export(
    source: Annotated[Path, typer.Argument(help="The --out of a finished run, or a circuit's file.", metavar="RUN")],
    name: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"{', '.join(FORMATS)}.",
            metavar="NAME",
            autocompletion=completing(lambda: FORMATS),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file; for mib the folder.")],
    as_json: AsJson = False,
) -> None:
    """Write scores and circuit in a format of other programs; no model is loaded.

    What the format does not keep is said in one line. Formats: `edgewise list formats`.
    """
    from edgewise.runs.exchange.leaving import export as write

    written = write(source, name, out)
    if as_json:
        output.document("export", {"source": str(source), **asdict(written)})
        return
    for file in written.files:
        output.result(f"Wrote {file}")
    if written.lost:
        output.note(f"not kept by {name}: {written.lost}")
