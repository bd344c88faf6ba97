"""`edgewise open`: a run's page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.progress import ShownProgress

EXAMPLES = """Examples:

edgewise open runs/demo

edgewise open runs/demo --serve

edgewise open runs/demo --serve --port 8765
"""


def open_page(
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve DIR on a port of this machine, where it has no browser.")
    ] = False,
    port: Annotated[int, typer.Option("--port", help="With --serve: which port; 0 for any.", min=0, max=65535)] = 0,
) -> None:
    """Open the page of a finished run in a browser; one that is missing is made, without a model.

    On a machine without a browser, --serve gives the files of DIR, and no others, to whoever asks on a port of this
    machine, until Ctrl-C. From elsewhere: ssh -L PORT:127.0.0.1:PORT THIS-MACHINE, then the address in a browser.
    """
    with ShownProgress() as shown:
        path = _page(folder, shown)
    if serve:
        _serve(path.parent, port)
        return
    import webbrowser

    output.result(str(path))
    if not webbrowser.open(path.resolve().as_uri()):
        output.note("no browser was found on this machine; open the file in one, or give --serve")


def _page(folder: Path, shown: ShownProgress) -> Path:
    """The page of a run, or of the results of several; made where a run has none."""
    from edgewise.runs.store.folder import load_run
    from edgewise.runs.store.names import PAGE
    from edgewise.runs.store.neurons import holds_neurons, load_neuron_run
    from edgewise.verbs.pictures import write_page

    path = folder / PAGE
    if not path.is_file():
        write_page(load_neuron_run(folder) if holds_neurons(folder) else load_run(folder), shown)
    return path


def _serve(folder: Path, port: int) -> None:
    from edgewise.report.page.serve import server

    with server(folder, port) as running:
        host, port = running.server_address[:2]
        output.result(f"http://{host!s}:{port}/  (Ctrl-C ends it)")
        running.serve_forever()
