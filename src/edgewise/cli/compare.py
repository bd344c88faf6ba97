"""`edgewise compare`: several finished runs of one model beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson, BatchSize, MaxMemory
from edgewise.cli.progress import ShownProgress
from edgewise.cli.values import given, parse_size

if TYPE_CHECKING:
    from edgewise.evaluation.ablation import Ablation

EXAMPLES = """Examples:

edgewise compare runs/eap runs/acdc runs/sp --out runs/compared

edgewise compare runs/eap runs/random --n 200 --metric kl --out runs/by-kl

edgewise compare runs/* --ablation mean --random 0 --json --out runs/by-mean
"""


def compare(
    folders: Annotated[list[Path], typer.Argument(help="The --out of finished runs of one model.", metavar="DIR ...")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result; made if need be.")],
    n: Annotated[
        int | None, typer.Option("--n", help="Number of held-out prompts; by default as in the first run.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Seed of prompts and random rankings; by default the first run's.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="What all are evaluated by; by default that of the prompts.")
    ] = None,
    ablation: Annotated[
        str, typer.Option("--ablation", help="What patched edges carry: resample, zero, mean, mean-positional.")
    ] = "resample",
    random: Annotated[int, typer.Option("--random", help="Random rankings beside the runs.", min=0)] = 3,
    batch_size: BatchSize = None,
    max_memory: MaxMemory = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Measure again, in place of what OUT holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare finished runs: overlap of circuits, rank correlation of scores, faithfulness at equal sizes, cost.

    All are evaluated on the same prompts, held out from the first run's task, by the same metric. The numbers go to
    OUT/comparison.json, with a picture beside them. The same command shows them again; one that was stopped goes on
    where it was.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.report.comparison import comparison_document, comparison_picture, show_comparison
    from edgewise.report.files import picture_files
    from edgewise.runs.compare import compare as compare_runs
    from edgewise.runs.results import write_files

    quiet_transformers()
    with ShownProgress() as shown:
        stored = compare_runs(
            folders,
            out,
            given=given(n=n, seed=seed, metric=metric, batch_size=batch_size),
            ablation=cast("Ablation", ablation),  # refused further down where it is none
            random=random,
            max_memory=parse_size(max_memory),
            overwrite=overwrite,
            on_progress=shown,
        )
    output.warn(stored.results["warnings"])
    write_files(out, picture_files("comparison", comparison_picture(stored.results)))
    if as_json:
        output.document(comparison_document(stored))
        return
    output.result(show_comparison(stored.results))
    verb = "Found the finished comparison in" if stored.reused else "Wrote"
    output.result(f"\nPicture: {out / 'comparison.svg'}\n{verb} {stored.path}")
