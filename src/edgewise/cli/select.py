"""`edgewise select`: another circuit from the scores of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.groups import CIRCUIT, MEMORY, METRIC_OF_RUN, MODEL
from edgewise.cli.options import AsJson, Given, Rows, split, takes

if TYPE_CHECKING:
    from edgewise.settings.selection import Selection

EXAMPLES = """Examples:

edgewise select runs/demo --top 50 --out top50.json

edgewise select runs/demo --top 50 --out runs/top50

edgewise select runs/demo --top 50 --stable --out stable.json

edgewise select runs/demo --keep 0.9 --out smallest.json

edgewise select runs/demo --threshold 0.1 --prune --out strong.json
"""


@takes(CIRCUIT, METRIC_OF_RUN, MODEL.only("trust_remote_code"), MEMORY)
def select(
    given: Given,
    folder: Annotated[Path, typer.Argument(help="The --out of a finished run.", metavar="DIR")],
    out: Annotated[
        Path, typer.Option("--out", help="A file, .json, or .pt as EAP-IG's; or a folder: a run of its own.")
    ],
    rows: Rows = 20,
    as_json: AsJson = False,
) -> None:
    """Keep other edges of a finished run, whose circuit stays as it is.

    With a folder for --out the result is a run of its own, which every verb takes. No model is run, but with --keep or
    --max-kl: these measure circuits of several sizes, on prompts that chose no score. The curve is kept in DIR as
    sizes-RULE.json: a search that was stopped goes on, and the same rule is answered from there. Of a run of neurons
    --out is a folder, and the curve is kept there.
    """
    from edgewise.report.document import circuit_document
    from edgewise.report.sizes import curve_of_sizes, describe_size, size_notes
    from edgewise.report.text import noted
    from edgewise.report.text import show as as_text
    from edgewise.runs.reselected import reselect
    from edgewise.runs.store.codec import to_json
    from edgewise.runs.store.neurons import holds_neurons
    from edgewise.settings.selection import Selection
    from edgewise.verbs.pictures import show_on_page

    asked, given = split(given, CIRCUIT.names)
    rule = Selection(**asked)
    if holds_neurons(folder):
        _neurons(folder, rule, out, given, rows, as_json)
        return
    with carried_out(given, overwrite=False) as execution:
        trust, metric = bool(given.get("trust_remote_code")), given.get("metric")
        found = reselect(folder, rule, out, execution, trust=trust, metric=metric)
        if found.sized is not None:
            show_on_page(found.run, execution.report)
    level = found.run.config.level
    if as_json:
        sizes = None if found.sized is None else to_json(found.sized)
        document = circuit_document(found.circuit, found.run.scores, rows, by=rule.by)
        output.document("circuit", document | {"sizes": sizes, "file": str(found.path)})
        return
    output.result(f"{level}s kept: {rule.describe(level)}")
    if found.sized is not None:
        output.result("\n".join((describe_size(found.sized), *noted(size_notes(found.sized)), "")))
        output.result(f"{curve_of_sizes(found.sized)}\n")
    output.result(as_text(found.circuit, found.run.scores, rows, rule.by))
    output.result(f"\nWrote {found.path}")


def _neurons(folder: Path, rule: Selection, out: Path, given: Given, rows: int, as_json: bool) -> None:
    """Keep other heads and neurons, in a folder of their own."""
    from edgewise.report.neurons import neuron_warnings, neurons_document, show_neurons
    from edgewise.runs.neuron_reselected import reselect_neurons

    with carried_out(given, overwrite=False) as execution:
        run = reselect_neurons(folder, rule, out, execution, trust=bool(given.get("trust_remote_code")))
    output.warn(neuron_warnings(run))
    if as_json:
        output.document("neurons", neurons_document(run, rows))
        return
    output.result(show_neurons(run, rows))
    output.result(f"\nWrote {out}")
