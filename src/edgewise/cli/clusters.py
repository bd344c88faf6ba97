"""`edgewise clusters`: do these prompts use one circuit?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.groups import PROMPTS
from edgewise.cli.options import AsJson, Given, takes

EXAMPLES = """Examples:

edgewise discover --model gpt2 --data prompts.jsonl --per-prompt --out runs/mine

edgewise clusters runs/mine

edgewise clusters runs/a runs/b --clusters 2 --json --out clusters.json
"""


@takes(PROMPTS.only("seed"))
def clusters(
    given: Given,
    folders: Annotated[list[Path], typer.Argument(help="Runs of one model, made with --per-prompt.", metavar="DIR...")],
    number: Annotated[
        int | None,
        typer.Option("--clusters", help="How many groups; as many as the silhouette says by default.", min=2),
    ] = None,
    most: Annotated[int, typer.Option("--most", help="The largest number of groups that is tried.", min=2)] = 6,
    considered: Annotated[
        int, typer.Option("--considered", help="Look at so many edges (or nodes) of largest mean |score|.", min=2)
    ] = 200,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Permute scores so often, to tell what comes by chance.", min=0)
    ] = 99,
    out: Annotated[Path | None, typer.Option("--out", help="JSON file for the numbers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether the prompts of a run use one circuit, or are of several kinds.

    Prompts are put into groups by the direction of their own scores of the edges that matter most, and the groups are
    held against those of permuted scores. Of several runs it is told, too, whether the groups are the runs. No model is
    run.
    """
    from edgewise.report.clusters import show_clusters
    from edgewise.runs.clusters import clusters as find
    from edgewise.runs.clusters import write_clusters
    from edgewise.runs.store.codec import to_json

    with carried_out(given, False, "nothing is kept") as execution:
        found = find(
            folders,
            n_edges=considered,
            n_groups=number,
            most=most,
            permutations=permutations,
            seed=given.get("seed", 0),
            execution=execution,
        )
    if out is not None:
        write_clusters(found, out)
    if as_json:
        output.document("clusters", to_json(found))
        return
    output.result(show_clusters(found))
    output.result(f"\nWrote {out}" if out else "")
