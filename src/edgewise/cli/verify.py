"""`edgewise verify`: how far the scores of a finished run can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.groups import BATCH, MEMORY, METRIC_OF_RUN, MODEL_OF_RUN, PROCESSES, PROMPTS
from edgewise.cli.options import AsJson, Given, Overwrite, takes
from edgewise.settings.texts import read_count

EXAMPLES = """Examples:

edgewise verify runs/demo

edgewise verify runs/demo --edges all

edgewise verify runs/gpt2-ioi --edges 1000 --largest 400 --seed 1

edgewise verify runs/gpt2-ioi --top-k 50 --overwrite --json
"""


_BATCH = BATCH.default(batch_size="as in the run")


@takes(PROMPTS.only("seed"), METRIC_OF_RUN, MODEL_OF_RUN, _BATCH, MEMORY, PROCESSES)
def verify(
    given: Given,
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    edges: Annotated[
        str, typer.Option("--edges", help="How many edges (or nodes) to measure, or 'all'.", metavar="N")
    ] = "500",
    largest: Annotated[
        int | None,
        typer.Option("--largest", help="How many of these are the most in doubt; half of them by default.", min=0),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", help="How many of the largest are to be found; as the circuit by default.", min=1),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure what patching some edges of a finished run really does, and compare that with their scores.

    The edges most in doubt are measured, and some of the others drawn at random, on the run's own prompts; from
    these the agreement over all edges is estimated. The result goes to verification.json in DIR, with a picture beside
    it, verification.svg. The same command shows it again; one that was stopped goes on where it was. Of a run of
    neurons, heads and neurons are measured.
    """
    from edgewise.report.verification import show_verification, verification_document
    from edgewise.runs.store.names import VERIFICATION_PICTURES
    from edgewise.verbs.verify import check

    with carried_out(given, overwrite) as execution:
        number = read_count("--edges", edges)
        run, found = check(folder, number, largest, top_k, given, execution)
    if as_json:
        output.document("verification", verification_document(found))
        return
    output.result(show_verification(run, found))
    verb = "Found the finished verification in" if found.reused else "Wrote"
    output.result(f"\nPicture: {run.folder / VERIFICATION_PICTURES[0]}\n{verb} {found.folder / 'verification.json'}")
