"""`edgewise push`: a run on the Hugging Face hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson

EXAMPLES = """Examples:

edgewise push runs/demo me/ioi-circuit

edgewise push runs/demo me/ioi-circuit --private

edgewise evaluate --circuit hub:me/ioi-circuit --model demo --task ioi
"""


def push(
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="RUN")],
    repository: Annotated[str, typer.Argument(help="OWNER/NAME; made if need be.", metavar="REPO")],
    private: Annotated[bool, typer.Option("--private", help="Make it for its owner alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a finished run on the Hugging Face hub, with a card that says what it is and how to load it.

    What goes there: run.json, which shows the first prompts, scores.safetensors, circuit.json, what was measured of it,
    and the pictures of `edgewise draw`. Example prompts and report.html stay here. Needs a token: `hf auth login`.
    """
    from edgewise.report.card import card
    from edgewise.runs.push import push as put
    from edgewise.runs.store.folder import load_run

    run = load_run(folder, instead="put its folder there with `hf upload REPO DIR`")
    pushed = put(run, repository, card(run, repository), private=private)
    if as_json:
        output.document("push", {"run": str(folder), **asdict(pushed)})
        return
    output.result(f"Pushed {', '.join(pushed.files)}\nto {pushed.url}")
