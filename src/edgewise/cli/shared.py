"""`edgewise shared`: what several sets of prompts have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.groups import BATCH, CIRCUIT, MEMORY, METRIC_OF_RUN, MODEL, NUMBERS, PROCESSES
from edgewise.cli.options import AsJson, Given, Overwrite, takes
from edgewise.settings.together import WAYS, require_way

EXAMPLES = """Examples:

edgewise shared runs/ioi runs/capitals --out runs/shared

edgewise shared runs/a runs/b runs/c --together mean --top 200 --json --out runs/shared
"""

Together = Annotated[
    str,
    typer.Option(
        "--together", help="min: the least of all sets; mean; or rank: the mean rank.", metavar="min|mean|rank"
    ),
]


@takes(
    CIRCUIT.only("top", "threshold", "fraction", "greedy", "prune"),
    METRIC_OF_RUN,
    NUMBERS.only("random"),
    MODEL.only("trust_remote_code"),
    BATCH,
    MEMORY,
    PROCESSES,
)
def shared(
    given: Given,
    folders: Annotated[list[Path], typer.Argument(help="Finished runs of one model, one a set.", metavar="DIR...")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    together: Together = WAYS[0],
    no_evaluate: Annotated[bool, typer.Option("--no-evaluate", help="Do not run the model.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make one circuit of the runs of several sets of prompts, and say what is specific to each.

    Scores are taken as parts of each set's whole effect. The shared circuit, each set's own and random ones are then
    measured on every set's held-out prompts. The numbers go to OUT/shared.json, the circuit with its scores to
    OUT/circuit.json, with a picture and a page; the same command shows them again, and one that was stopped goes on
    where it was.
    """
    from edgewise.report.contest.shared import shared_document, show_shared
    from edgewise.runs.store.names import PAGE
    from edgewise.verbs.shared import hold_in_common

    require_way(together)
    with carried_out(given, overwrite) as execution:
        found = hold_in_common(folders, out, together, not no_evaluate, given, execution)  # type: ignore[arg-type]
    output.warn(found.results.warnings)
    if as_json:
        output.document("shared", shared_document(found))
        return
    output.result(show_shared(found.results))
    output.result(f"\nPicture: {out / 'shared.svg'}\nPage of all: {out / PAGE}")
    output.result(f"{'Found the finished result in' if found.reused else 'Wrote'} {found.path}")
