"""`edgewise compare`: several finished runs of one model beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out, show_result
from edgewise.cli.groups import BATCH, MEMORY, MODEL_OF_RUN, NUMBERS, PROCESSES, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Overwrite, takes

EXAMPLES = """Examples:

edgewise compare runs/eap runs/acdc runs/sp --out runs/compared

edgewise compare runs/eap runs/random --n 200 --metric kl --out runs/by-kl

edgewise compare runs/* --ablation mean --random 0 --json --out runs/by-mean

edgewise compare runs/eap --circuit known:ioi/gpt2 --out runs/against-published
"""


@takes(
    PROMPTS.only("n", "seed").default(n="as in the first run", seed="as in the first run"),
    SCORES.only("metric"),
    NUMBERS.only("ablation", "random"),
    MODEL_OF_RUN,
    BATCH,
    MEMORY,
    PROCESSES,
)
def compare(
    given: Given,
    folders: Annotated[list[Path], typer.Argument(help="The --out of finished runs of one model.", metavar="DIR ...")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    circuit: Annotated[
        str | None,
        typer.Option(
            "--circuit",
            help="Hold them against it, one run too: known, known:TASK/MODEL, interpbench:CASE, or a file; by default"
            " what is known, if anything is.",
            metavar="CIRCUIT",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compare finished runs: overlap of circuits, rank correlation of scores, faithfulness at equal sizes, cost.

    Against a circuit that is known: its edges and nodes that each run has, AUROC and average precision of its scores.

    All are evaluated on the same prompts, held out from the first run's task, by the same metric. The numbers go to
    OUT/comparison.json, with a picture beside them, and come onto the runs' pages and one of all, OUT/report.html. The
    same command shows them again; one that was stopped goes on where it was.
    """
    from edgewise.report.contest.comparison import comparison_document, show_comparison
    from edgewise.verbs.compare import hold_together

    with carried_out(given, overwrite) as execution:
        found = hold_together(folders, out, given, execution, circuit)
    output.warn(found.results.warnings)
    show_result(
        out,
        "comparison",
        show_comparison(found),
        comparison_document(found),
        as_json=as_json,
        reused=found.reused,
    )
