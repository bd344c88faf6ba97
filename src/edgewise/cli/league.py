"""`edgewise league`: every method against the exact effects of all edges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.options import MACHINE, PROMPTS, AsJson, BatchSize, MaxMemory, option
from edgewise.cli.progress import ShownProgress
from edgewise.cli.values import parse_names, parse_size

EXAMPLES = """Examples:

edgewise league --out runs/league

edgewise league --models demo --tasks ioi,docstring --methods eap,eap-secant --out runs/league

edgewise league --models planted:7,planted:8 --methods eap,secant,eap-ig-inputs:steps=10 --n 20 --out runs/planted

edgewise league --models gpt2 --tasks ioi --n 10 --out runs/league-gpt2
"""

_PLAYED = "What is played"


def league(
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, the tables and the picture.")] = Path(
        "runs/league"
    ),
    models: Annotated[
        str | None,
        option(_PLAYED, "--models", help="Names, parted by commas; by default demo, planted:0 to :4 and all compiled."),
    ] = None,
    tasks: Annotated[
        str | None, option(_PLAYED, "--tasks", help="Names, parted by commas; by default all that fit a model.")
    ] = None,
    methods: Annotated[
        str | None,
        option(
            _PLAYED,
            "--methods",
            help="Names, parted by commas, settings behind colons (eap-ig-inputs:steps=10, eap:exact=20); by default"
            " all that score every edge.",
        ),
    ] = None,
    n: Annotated[int | None, option(PROMPTS, "--n", help="Number of prompts of each task; by default 50.")] = None,
    seed: Annotated[int, option(PROMPTS, "--seed", help="Seed of the tasks' generators.")] = 0,
    draws: Annotated[
        int, option(PROMPTS, "--draws", help="Draws of prompts of each task, with seeds from --seed on.")
    ] = 1,
    dtype: Annotated[str, option(MACHINE, "--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    device: Annotated[str, option(MACHINE, "--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    batch_size: BatchSize = None,
    max_memory: MaxMemory = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Compute all again, in place of what OUT holds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Hold methods against the exact effects of all edges: what each costs, and how near it comes.

    Every method, and the exact effects, are runs in folders of their own under OUT, made as `edgewise discover` makes
    them; the curve of the best edges is evaluated on held-out prompts. The same command goes on where it was stopped,
    and one with more methods, tasks or models makes only what is missing. The numbers go to league.json, the picture to
    league.svg, league.png and league-dark.png.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.report.league import league_pictures, show_league
    from edgewise.runs.config import RunConfig
    from edgewise.runs.league import DEFAULT_MODELS, Question, play
    from edgewise.runs.results import write_files

    quiet_transformers()
    named = DEFAULT_MODELS if models is None else parse_names("--models", models)
    question = Question(
        RunConfig(named[0], task="ioi", n=n, seed=seed, dtype=dtype, device=device, batch_size=batch_size),
        named,
        None if tasks is None else parse_names("--tasks", tasks),
        None if methods is None else parse_names("--methods", methods),
        draws,
    )
    with ShownProgress() as shown:
        result = play(question, out, overwrite=overwrite, max_memory=parse_size(max_memory), on_progress=shown)
    write_files(out, league_pictures(result))
    if as_json:
        output.document({"folder": str(out), **result.to_json()})
        return
    output.result(show_league(result))
    output.result(f"\nPicture: {out / 'league.svg'}\nWrote {out / 'league.json'}")
