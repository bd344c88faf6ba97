"""`edgewise make-prompts`: from a template to a file of prompts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.groups import MODEL, PROMPTS
from edgewise.cli.options import AsJson, Given, split, takes
from edgewise.errors import SettingError

EXAMPLES = """Examples:

edgewise make-prompts mine.toml --model gpt2 --n 200 --out prompts.jsonl

edgewise make-prompts mine.toml --model gpt2 --n 200 --split held-out --out held-out.jsonl

edgewise make-prompts agreement --option distractor=opposite --model gpt2 --out opposite.jsonl

edgewise make-prompts antonyms --show
"""

MADE = PROMPTS.only("options", "n", "seed", "split", "bos").default(n=100)


@takes(MADE, MODEL.only("model").default(model=None), MODEL)
def make_prompts(
    given: Given,
    template: Annotated[
        str, typer.Argument(help="A .toml or .yaml file, or a task that is a template.", metavar="TEMPLATE")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The .jsonl file to write.")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the template's file, to begin with; no model is needed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make pairs of prompts from sentences with slots, for a model's tokenizer.

    Only fillers are used with which clean and corrupted prompt are equally long in this model's tokens and every answer
    is one token; what is left out is said, with the reason. The file is read by every verb with --data. What a template
    can say: docs/prompts.md.
    """
    from edgewise.tasks.templates.shipped import template_file

    if show:
        path = Path(template) if Path(template).suffix else template_file(template)
        output.result(path.read_text(encoding="utf-8").rstrip("\n"))
        return
    if out is None or "model" not in given:
        raise SettingError(f"no {'--out' if out is None else '--model'} given; give --model and --out, or --show alone")
    from edgewise.report.made_prompts import show_made
    from edgewise.runs.made_prompts import make_prompts as make
    from edgewise.settings.model import ModelSettings

    settings, model = split(given, MADE.names)
    made = make(template, ModelSettings(**model), out, **settings)
    output.warn(made.left_out)
    if as_json:
        document = asdict(made)
        document["first"].pop("pair")
        output.document("made-prompts", document)
        return
    output.result(show_made(made))
