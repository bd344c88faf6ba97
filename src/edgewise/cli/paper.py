"""`edgewise paper`: the paper's figures, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.completion import completing
from edgewise.cli.groups import BATCH, MACHINE, MEMORY, PROCESSES
from edgewise.cli.options import AsJson, Given, takes
from edgewise.cli.progress import ShownProgress

EXAMPLES = """Examples:

edgewise paper list

edgewise paper fig3 --model demo --fast

edgewise paper fig3 --out paper

edgewise paper all --model planted:3 --out paper
"""
LIST, ALL = "list", "all"


def _figures() -> tuple[str, ...]:
    from edgewise.paper import FIGURES

    return (LIST, ALL, *FIGURES)


@takes(MACHINE, BATCH, MEMORY, PROCESSES)
def paper(
    given: Given,
    figure: Annotated[
        str,
        typer.Argument(
            help="list, all, or a figure such as fig3.", metavar="FIGURE", autocompletion=completing(_figures)
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="One model for all tasks; by default those of the paper.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Fewer prompts and coarser grids.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder for figures and runs; made if need be.")] = Path("paper"),
    as_json: AsJson = False,
) -> None:
    """Make a figure of the paper (Syed, Rager and Conmy, 2023), with the published numbers beside ours.

    Each figure is a picture (SVG, PNG light and dark), its data as JSON and CSV, and a page of markdown. Runs are
    kept in OUT/runs for all figures: the same command goes on where it was stopped.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.paper import FIGURES
    from edgewise.paper.figure import Request
    from edgewise.paper.store import published_rows, write_figure
    from edgewise.report.table import table
    from edgewise.runs.steps import Execution

    quiet_transformers()
    memory, _ = given.pop("max_memory", None), given.pop("processes", None)
    if figure == LIST:
        entries = [(name, FIGURES.describe(name)) for name in FIGURES]
        if as_json:
            output.document("figures", {"figures": dict(entries)})
            return
        output.result(table(("figure", "what it shows"), entries))
        return
    wanted = [FIGURES.load(name) for name in (FIGURES if figure == ALL else (figure,))]
    documents = {}
    for one in wanted:
        with ShownProgress() as shown:
            made = one.make(Request(out, model, fast, given, Execution(False, memory, shown)))
        written = write_figure(out, one, made)
        documents[one.name] = {"files": [str(path) for path in written], "data": dict(made.data)}
        if not as_json:
            output.result(f"{one.name}: {one.summary}\n\n" + "\n".join(made.caption) + "\n")
            if made.published:
                output.result(table(("", "published", "ours"), published_rows(made.published), right=(1, 2)))
            output.result(f"\nWrote {written[0]}")
    if as_json:
        output.document("figures", {"figures": documents})
