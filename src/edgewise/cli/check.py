"""`edgewise check`: whether a model obeys what every method relies on."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.groups import MODEL
from edgewise.cli.options import AsJson, Given, takes
from edgewise.cli.progress import ShownProgress
from edgewise.settings.device import AUTO

EXAMPLES = """Examples:

edgewise check demo

edgewise check gpt2 --dtype float64

edgewise check ./my-model --json

edgewise check weights.pth --config config.json
"""


@takes(MODEL.without("model"))
def check(
    given: Given,
    model: Annotated[
        str, typer.Argument(help="Bundled name, folder, hub name, GGUF or weights file.", metavar="MODEL")
    ],
    as_json: AsJson = False,
) -> None:
    """Load a model and measure what scores rest on; the exit code is 1 when something fails.

    Sources sum to the residual stream, no edge patched gives the clean logits, and all edges patched give the
    corrupted ones; norms, queries, keys and values are what they are taken for; and for 50 edges of every kind, the
    largest among them, the score is the slope of the exact effect of patching, measured in float64 where that fits. A
    kink within the step is told from a wrong score by smaller steps, and said. Half precision resolves no such slope:
    there, scores must rank edges as those of the same model in float32 do.

    Also shown is what the model says: its likeliest next tokens after a few words, and its loss on plain English beside
    chance. A loss near chance is a warning and no failure: all else holds for random weights too.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.engine.check import check_model, language
    from edgewise.models import load_model
    from edgewise.report.check import check_document, show_check
    from edgewise.runs.steps import Progress

    quiet_transformers()
    asked = given.pop("dtype", AUTO)
    given.setdefault("device", AUTO)
    load = partial(load_model, model, **given)
    with ShownProgress("nothing is kept") as shown:

        def note(step: str, done: int = 0, total: int | None = None) -> None:
            shown(Progress(f"{model}: {step}", done, total))

        note("loading")
        loaded = load(dtype=asked)
        rows = check_model(loaded, reference=partial(load, dtype="float32"), note=note)
        note("asking for next tokens")
        says = language(loaded)
    dtype = str(loaded.dtype).removeprefix("torch.")
    if as_json:
        output.document("check", check_document(model, dtype, rows, says))
    else:
        output.result(show_check(model, dtype, rows, says))
    output.warn([] if says.warning is None else [says.warning])
    if not all(row.passed for row in rows):
        raise typer.Exit(1)
