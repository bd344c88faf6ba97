"""`edgewise prompts`: what a model reads."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import BATCH, MEMORY, MODEL, PROMPTS, SCORES
from edgewise.cli.options import AsJson, Given, Rows, takes

EXAMPLES = """Examples:

edgewise prompts --model demo --task ioi

edgewise prompts --model gpt2 --data prompts.csv --no-weights

edgewise prompts --model ./my-model --data prompts.jsonl --first-token --rows 20

edgewise prompts --model gpt2 --task greater-than --n 500 --json
"""


@takes(MODEL.only("model"), PROMPTS, SCORES.only("metric"), MODEL, BATCH, MEMORY)
def prompts(
    given: Given,
    rows: Rows = 5,
    no_weights: Annotated[
        bool, typer.Option("--no-weights", help="Show what needs no weights, which are not loaded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show prompts as a model reads them, and whether it knows the answers.

    The tokens of each prompt stand above those of its corrupted counterpart, with a mark under those that differ:
    spaces as dots, ends of lines as arrows, special tokens as they are. Below are the numbers of all prompts: how often
    the model prefers a right answer to the wrong ones, its mean logit differences, and the rows it gets wrong. Then
    comes whether the prompts are any good: what each check found, and where a limit is not kept, why there is one and
    what to do.
    """
    refuse_unreadable(given)
    from edgewise.report.data_checks import show_checks
    from edgewise.report.prompts import prompts_document, show_prompts, show_what
    from edgewise.runs.asked_prompts import look
    from edgewise.runs.config import RunConfig

    with carried_out(given, False, "nothing is kept") as execution:
        config = RunConfig(**given)
        found, view = look(config, rows, ask=not no_weights, execution=execution)
    output.warn(found.warnings)
    if as_json:
        output.document("prompts", prompts_document(config.model, found, view))
        return
    output.result(f"{show_what(config.model, found)}\n\n{show_prompts(view)}\n\n{show_checks(view.checks)}")
