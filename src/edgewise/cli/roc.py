"""`edgewise roc`: methods against a circuit that is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli.carried_out import carried_out, show_result
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, CIRCUIT, MEMORY, METHOD_SETTINGS, MODEL, PROCESSES, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Overwrite, split, takes
from edgewise.errors import RunError
from edgewise.settings.texts import read_names, read_numbers

EXAMPLES = """Examples:

edgewise roc --task ioi --n 50 --out runs/roc

edgewise roc --model planted:3 --task planted --methods eap,acdc:kl --out runs/roc-planted

edgewise roc --model gpt2 --task ioi --methods eap,eap-ig-inputs:steps=5 --bootstrap 200 --out runs/roc-ioi

edgewise roc --task greater-than --truth exact:5% --taus 0.001,0.01,0.1 --out runs/roc-exact

edgewise roc --model ./my-model --data prompts.csv --truth circuit.json --nodes --out runs/roc-mine
"""

_COMPARED = "What is compared"
# Settings of methods that are compared, one value each.
_OF_METHODS = METHOD_SETTINGS.only("steps", "lr", "eap_fraction")


@takes(
    MODEL.only("model").default(model="demo"),
    PROMPTS.without("split"),
    SCORES.only("metric", "bootstrap"),
    CIRCUIT.only("by"),
    _OF_METHODS,
    MODEL.without("model"),
    BATCH,
    MEMORY,
    PROCESSES,
)
def roc(
    given: Given,
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, the table and the picture.")],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            help="Names, parted by commas, settings behind colons (eap-ig-inputs:steps=10, acdc:kl:tau=0.1); by"
            " default the best known but sp (subnetwork probing).",
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            help="known, known:TASK/MODEL, interpbench:CASE, FILE, or exact:X, edges of exact effect X or X% of clean -"
            " corrupted; by default what is known, else exact:2%.",
        ),
    ] = None,
    taus: Annotated[
        str | None,
        typer.Option("--taus", help="ACDC's thresholds; by default 0,0.0001,0.001,0.003,0.01,0.03,0.1,0.3,1,3."),
    ] = None,
    lambdas: Annotated[
        str | None,
        typer.Option(
            "--lambdas",
            help="Weights of subnetwork probing's penalty; by default 0.01 to 250 for KL, 0.0001 to 100 for the task.",
        ),
    ] = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="Show rates of nodes, not of edges.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Hold methods against a circuit that is known: ROC curves, areas under them, Youden's J.

    Every method is a run in a folder of its own under OUT, made as `edgewise discover` makes it; those that need a
    threshold are run for each of a list. The same command goes on where it was stopped, and one with more methods makes
    only what is missing. The numbers go to roc.json, the picture to roc.svg, roc.png and roc-dark.png, and they and
    the methods' runs to a page, report.html.
    """
    refuse_unreadable(given)
    from edgewise.report.contest.roc import roc_picture, show_roc
    from edgewise.runs.config import RunConfig
    from edgewise.runs.contest.entrants import ROC_METHODS
    from edgewise.runs.contest.roc import roc as hold_against
    from edgewise.runs.contest.roc_result import paged
    from edgewise.runs.store.codec import to_json
    from edgewise.runs.store.folder import load_run
    from edgewise.verbs.pictures import draw_result, show_beside

    level = "node" if nodes else "edge"
    with carried_out(given, overwrite) as execution:
        own, given = split(given, _OF_METHODS.names)
        by, given = split(given, ("by",))
        fractions = own.pop("eap_fraction", ())
        if len(fractions) > 1:
            raise RunError("--eap-fraction takes one value here; give one")
        values = {
            name: read_numbers(f"--{name.rstrip('_')}s", (text,))
            for name, text in (("tau", taus), ("lambda_", lambdas))
            if text is not None
        }
        found = hold_against(
            RunConfig(**{"model": "demo", **given}),
            out,
            ROC_METHODS if methods is None else read_names("--methods", methods),
            truth,
            values=values,
            settings={"subnetwork-probing": own, "eap-acdc": {"eap_fraction": fractions[0]} if fractions else {}},
            **by,
            execution=execution,
        )
        draw_result(execution, out, "roc", lambda: roc_picture(found, level))
        show_beside(out / "roc.json", [load_run(out / name) for name in paged(found)], execution.report)
    show_result(out, "roc", show_roc(found, level), {"folder": str(out), **to_json(found)}, as_json=as_json)
