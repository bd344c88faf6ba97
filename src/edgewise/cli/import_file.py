"""`edgewise import`: scores and circuits of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.completion import completing
from edgewise.cli.groups import MODEL
from edgewise.cli.options import AsJson, Given, takes
from edgewise.runs.exchange import FORMATS

EXAMPLES = """Examples:

edgewise import scores.csv --graph demo --out theirs

edgewise import graph.json --format eap-ig-json --graph runs/demo --out theirs

edgewise evaluate --circuit theirs/circuit.json --model demo --task ioi
"""


@takes(MODEL.without("model", "dtype", "device", "device_map", "attention", "adapter"))
def import_file(
    given: Given,
    file: Annotated[Path, typer.Argument(help="A file of another program.", metavar="FILE")],
    graph: Annotated[str, typer.Option("--graph", help="Whose graph: a model, or the --out of a finished run.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="By default by the suffix: .csv, .jsonl, .parquet, .graphml.",
            metavar="NAME",
            autocompletion=completing(lambda: FORMATS),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read scores, a circuit or both from a file of another program, by the names of a model's edges.

    OUT/circuit.json and, where there are scores, OUT/scores.safetensors are as those of a run. Formats: `edgewise list
    formats`.
    """
    from edgewise.runs.exchange.coming import take_in

    taken = take_in(file, graph, out, name, given)
    found = taken.found
    scored = 0 if found.scores is None else len(found.scores)
    kept = None if found.circuit is None else found.circuit.n_edges
    if as_json:
        counts = {"graph_edges": found.graph.n_edges, "circuit_edges": kept, "scored": scored}
        output.document("import", {"format": taken.format, "files": list(taken.files), **counts})
        return
    what = "edge" if found.scores is None else found.scores.what
    circuit = "no circuit" if kept is None else f"a circuit of {kept:,} edges"
    output.result(f"{taken.format}: {circuit}, {scored:,} {what}s scored, of {found.graph.n_edges:,} edges")
    for path in taken.files:
        output.result(f"Wrote {path}")
