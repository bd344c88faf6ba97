"""`edgewise league`: every method against the exact effects of all edges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli.carried_out import carried_out, show_result
from edgewise.cli.groups import BATCH, MACHINE, MEMORY, PROCESSES, PROMPTS
from edgewise.cli.options import AsJson, Given, Overwrite, takes
from edgewise.settings.texts import read_names

EXAMPLES = """Examples:

edgewise league --out runs/league

edgewise league --models demo --tasks ioi,docstring --methods eap,eap-secant --out runs/league

edgewise league --models planted:7,planted:8 --methods eap,secant,eap-ig-inputs:steps=10 --n 20 --out runs/planted

edgewise league --models gpt2 --tasks ioi --n 10 --out runs/league-gpt2

edgewise league --models models/gemma-3-270m-q4_k_m.gguf --tasks ioi --n 8 --effects benchmarks/effects
"""


@takes(PROMPTS.only("n", "seed").default(n="50 of each task"), MACHINE, BATCH, MEMORY, PROCESSES)
def league(
    given: Given,
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, the tables and the picture.")] = Path(
        "runs/league"
    ),
    models: Annotated[
        str | None,
        typer.Option("--models", help="Names, parted by commas; by default demo, planted:0 to :4 and all compiled."),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option("--tasks", help="Names, parted by commas; by default all that fit a model.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            help="Names, parted by commas, settings behind colons (eap-ig-inputs:steps=10, eap:exact=20); by default"
            " all that score every edge.",
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", help="Draws of prompts of each task, with seeds from --seed on.")
    ] = 1,
    effects: Annotated[
        Path | None,
        typer.Option(
            "--effects",
            help="Folder of stored exact effects: those of the same model and prompts are not measured again.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Hold methods against the exact effects of all edges: what each costs, and how near it comes.

    Every method, and the exact effects, are runs in folders of their own under OUT, made as `edgewise discover` makes
    them; the curve of the best edges is evaluated on held-out prompts. The same command goes on where it was stopped,
    and one with more methods, tasks or models makes only what is missing. The numbers go to league.json, the picture to
    league.svg, league.png and league-dark.png.
    """
    from edgewise.report.contest.league import league_picture, show_league
    from edgewise.runs.config import RunConfig
    from edgewise.runs.contest.league import DEFAULT_MODELS, play
    from edgewise.runs.store.codec import to_json
    from edgewise.verbs.pictures import draw_result

    with carried_out(given, overwrite) as execution:
        named = DEFAULT_MODELS if models is None else read_names("--models", models)
        found = play(
            RunConfig(named[0], task="ioi", **given),
            out,
            named,
            None if tasks is None else read_names("--tasks", tasks),
            None if methods is None else read_names("--methods", methods),
            draws=draws,
            effects=effects,
            execution=execution,
        )
        draw_result(execution, out, "league", lambda: league_picture(found))
    show_result(out, "league", show_league(found), {"folder": str(out), **to_json(found)}, as_json=as_json)
