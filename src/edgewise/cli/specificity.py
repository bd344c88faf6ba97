"""`edgewise specificity`: what a circuit keeps of other tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.groups import BATCH, MEMORY, PROCESSES
from edgewise.cli.options import AsJson, Given, takes
from edgewise.settings.texts import read_names

EXAMPLES = """Examples:

edgewise specificity runs/demo

edgewise specificity runs/ioi runs/capitals --tasks ioi,capitals,agreement --prompts 100 --out matrix.json
"""


@takes(BATCH, MEMORY, PROCESSES)
def specificity(
    given: Given,
    folders: Annotated[list[Path], typer.Argument(help="Finished runs of one model.", metavar="DIR...")],
    tasks: Annotated[
        str | None, typer.Option("--tasks", help="Names, parted by commas; by default all that fit a model.")
    ] = None,
    prompts: Annotated[int, typer.Option("--prompts", help="Held-out prompts of each task.", min=1)] = 50,
    circuits: Annotated[int, typer.Option("--circuits", help="Random circuits of each size.", min=0)] = 3,
    out: Annotated[Path | None, typer.Option("--out", help="JSON file for the numbers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the circuits of runs on other tasks, beside random circuits of the same size.

    Faithfulness is 1 where a circuit keeps all of a task's metric, and 0 where it keeps no more than nothing. A circuit
    that keeps other tasks as well is not of its own task alone.
    """
    from edgewise.report.specificity import show_specificity
    from edgewise.runs.specificity import specificity as measure
    from edgewise.runs.specificity import write_specificity
    from edgewise.runs.store.codec import to_json

    with carried_out(given, False, "nothing is kept") as execution:
        named = None if tasks is None else read_names("--tasks", tasks)
        size = given.get("batch_size")
        found = measure(folders, named, n=prompts, random=circuits, execution=execution, batch_size=size)
    if out is not None:
        write_specificity(found, out)
    if as_json:
        output.document("specificity", to_json(found))
        return
    output.result(show_specificity(found))
    output.result(f"\nWrote {out}" if out else "")
