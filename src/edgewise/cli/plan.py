"""`edgewise plan`: what a run will cost."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.discover import asked_of
from edgewise.cli.groups import BATCH, CIRCUIT, MEMORY, METHOD_SETTINGS, MODEL, PROCESSES, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, takes

EXAMPLES = """Examples:

edgewise plan --model demo --task ioi

edgewise plan --model gpt2 --task ioi --n 1000 --method activation-patching

edgewise plan --model config.json --rows 1000 --length 64 --method eap --on 8xh100 --dtype bfloat16

edgewise plan --model ./my-model --data prompts.csv --processes 4 --json
"""


@takes(MODEL.only("model"), PROMPTS, SCORES, METHOD_SETTINGS, CIRCUIT, MODEL, BATCH, MEMORY, PROCESSES)
def plan(
    given: Given,
    rows: Annotated[
        int | None, typer.Option("--rows", help="So many prompts, in the place of a task or a file.")
    ] = None,
    length: Annotated[int | None, typer.Option("--length", help="Tokens of each of these.")] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", help="An accelerator by name, h100 or 8xh100, in the place of this machine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run will cost, without the model's weights.

    A config.json, a folder with one, a GGUF file or a hub name will do: nothing is fetched but config and tokenizer.
    Told are nodes and edges, passes, floating-point operations, seconds of scoring, memory at the peak by part, prompts
    at a time, bytes on disk, and where it does not fit, what would make it fit. Seconds are those of every operation
    that the run does, at rates that are measured here within a second, or of a named accelerator.
    """
    if rows is None:
        refuse_unreadable(given)
    from edgewise.report.plan import plan_document, show_plan
    from edgewise.runs.plan.ask import ask, settle
    from edgewise.verbs.asked import config_of

    n_processes = given.pop("processes", 1)
    given, stand_in = settle(given, rows, length, on)
    with carried_out(given, False, "nothing is kept") as execution:
        config = config_of(asked_of(given)[0])
        found = ask(config, stand_in, on=on, max_memory=execution.max_memory, n_processes=n_processes)
    if as_json:
        output.document("plan", plan_document(found))
        return
    output.result(show_plan(found))
