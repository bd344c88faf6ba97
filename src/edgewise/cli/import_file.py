"""`edgewise import`: scores and circuits of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.completion import completing
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, CIRCUIT, MEASURE, MEMORY, MODEL, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, split, takes
from edgewise.runs.exchange import FORMATS

EXAMPLES = """Examples:

edgewise import scores.csv --graph demo --task ioi --out runs/theirs

edgewise import graph.json --format eap-ig-json --graph runs/demo --top 50 --out runs/theirs

edgewise import scores.csv --graph demo --out files
"""


@takes(PROMPTS, SCORES.only("metric"), CIRCUIT, MEASURE, MODEL.without("model"), BATCH, MEMORY)
def import_file(
    given: Given,
    file: Annotated[Path, typer.Argument(help="A file of another program.", metavar="FILE")],
    graph: Annotated[
        str,
        typer.Option("--graph", help="Whose graph: a model; or the --out of a finished run, whose prompts are taken."),
    ],
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
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Leave out report.html; for sweeps.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read scores, a circuit or both from a file of another program, by the names of a model's edges.

    With prompts, --task, --data or those of the run whose graph it is, OUT is a run that every verb takes: its circuit
    is the file's, or what --top and the like select by its scores. Without, OUT gets circuit.json and, where there are
    scores, scores.safetensors. Formats: `edgewise list formats`.
    """
    refuse_unreadable(given)
    from edgewise.report.document import run_document, warnings
    from edgewise.report.text import show_run
    from edgewise.runs.exchange.coming import take_in
    from edgewise.settings.selection import Selection
    from edgewise.verbs.pictures import show_found

    rule, given = split(given, CIRCUIT.names)
    with carried_out(given, overwrite=False) as execution:
        taken = take_in(file, graph, out, name, given, Selection(**rule), execution)
        if taken.run is not None and not no_pictures:
            show_found(taken.run, execution.report)
    found, run = taken.found, taken.run
    scored = 0 if found.scores is None else len(found.scores)
    kept = None if found.circuit is None else found.circuit.n_edges
    for line in taken.lacks:
        output.note(line)
    if run is not None:
        output.warn(warnings(run))
    if as_json:
        counts = {"graph_edges": found.graph.n_edges, "circuit_edges": kept, "scored": scored}
        document = {"format": taken.format, "files": list(taken.files), **counts, "lacks": list(taken.lacks)}
        output.document("import", document | {"run": None if run is None else run_document(run)})
        return
    what = "edge" if found.scores is None else found.scores.what
    circuit = "no circuit" if kept is None else f"a circuit of {kept:,} edges"
    output.result(f"{taken.format}: {circuit}, {scored:,} {what}s scored, of {found.graph.n_edges:,} edges")
    if run is not None:
        output.result(f"\n{show_run(run)}\n")
    for path in taken.files:
        output.result(f"Wrote {path}")
