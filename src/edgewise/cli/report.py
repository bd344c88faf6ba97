"""`edgewise report`: one page of several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson
from edgewise.cli.progress import ShownProgress
from edgewise.errors import RunError

EXAMPLES = """Examples:

edgewise report runs/eap runs/exact --out both.html

edgewise report runs/* --out all.html
"""

MOST = 12


def report(
    folders: Annotated[list[Path], typer.Argument(help="The --out of finished runs.", metavar="DIR ...")],
    out: Annotated[Path, typer.Option("--out", help="The page, an HTML file.")],
    as_json: AsJson = False,
) -> None:
    """Make one page of finished runs beside each other, with the comparisons that they were part of.

    One slider moves all drawings; tables, prompts and charts are those of the run that is chosen. No model is loaded.
    """
    from edgewise.report.page.page import page_of
    from edgewise.runs.steps import Progress
    from edgewise.runs.store.atomic import write_bytes
    from edgewise.runs.store.folder import load_run
    from edgewise.verbs.pictures import PAGING

    _check(folders, out)
    with ShownProgress() as shown:
        runs = [load_run(folder, instead="it has a page of its own: `edgewise open DIR`") for folder in folders]
        shown(Progress(PAGING))
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, page_of(runs).encode())
    if as_json:
        output.document("report", {"file": str(out), "runs": [str(folder) for folder in folders]})
        return
    output.result(f"Wrote {out}: {len(runs)} run{'' if len(runs) == 1 else 's'}")


def _check(folders: list[Path], out: Path) -> None:
    if len(folders) > MOST:
        raise RunError(f"{len(folders)} runs given; a page holds {MOST} at most")
    places = [folder.resolve() for folder in folders]
    twice = next((folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise RunError(f"{twice} is given twice; give each run once")
    if out.suffix != ".html":
        raise RunError(f"--out {out} is no HTML file; give one, such as runs.html")
