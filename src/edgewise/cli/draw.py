"""`edgewise draw`: pictures and a page of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson
from edgewise.cli.progress import ShownProgress

if TYPE_CHECKING:
    from edgewise.report.pictures import Format

EXAMPLES = """Examples:

edgewise draw runs/demo

edgewise draw runs/demo --strongest 50

edgewise draw runs/demo --out figures --format svg
"""


def draw(
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    strongest: Annotated[
        int | None, typer.Option("--strongest", help="Draw so many of the circuit's edges.", min=1)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the files; DIR by default.")] = None,
    picture_format: Annotated[
        list[str] | None, typer.Option("--format", help="svg, png or png-dark; repeatable; svg and png by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a finished run for papers: its circuit and its scores; no model is loaded.

    Files: circuit.svg, circuit.png, scores.svg, scores.png, and its page again, report.html; SVG and page are light or
    dark as the reader's screen is. Of a circuit with more than 300 edges the 300 strongest are drawn, unless
    --strongest says otherwise. Of a run of neurons: neurons.svg and neurons.png, effects by layer and faithfulness by
    size.
    """
    from edgewise.cli.pictures import draw_neurons, draw_run
    from edgewise.report.scenes import run_choice
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.either import load_any
    from edgewise.runs.store.neurons import NeuronRun
    from edgewise.verbs.pictures import DRAWING

    formats = cast("list[Format] | None", picture_format)  # an unknown one is refused
    with ShownProgress("draw again") as shown:
        run = load_any(folder)
        shown(Progress(DRAWING))
        if isinstance(run, NeuronRun):
            written, counts, said = draw_neurons(run, out, strongest, formats), dict[str, int](), ""
        else:
            written, choice = draw_run(run, out, strongest, formats), run_choice(run, strongest)
            counts = {"drawn": len(choice.edges), "edges": choice.total}
            said = f"drew {len(choice.edges):,} of the circuit's {choice.total:,} edges"
    if as_json:
        output.document("drawing", {"folder": str(run.folder), "files": [str(path) for path in written], **counts})
        return
    for line in filter(None, (said, *map(str, written))):
        output.result(line)
