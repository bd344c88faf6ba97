"""`edgewise list`: the names that other verbs take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.cli.completion import completing
from edgewise.cli.groups import MODEL
from edgewise.cli.options import AsJson, Given, takes
from edgewise.errors import SettingError, UnknownNameError, did_you_mean

EXAMPLES = """Examples:

edgewise list models

edgewise list metrics

edgewise list circuits

edgewise list settings

edgewise list tasks --json

edgewise list tasks --model gpt2
"""
KINDS = ("models", "tasks", "metrics", "methods", "circuits", "settings")


@takes(MODEL.only("model").default(model=None))
def list_names(
    given: Given,
    kind: Annotated[
        str,
        typer.Argument(
            help="models, tasks, metrics, methods, circuits or settings.",
            metavar="KIND",
            autocompletion=completing(lambda: KINDS),
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """List the models, tasks, metrics, methods, published circuits or settings that are known, a line on each.

    Of tasks, --model shows an example of each as that model's tokenizer reads it; no weights are read.
    """
    from edgewise.report.table import table

    if given and kind != "tasks":
        raise SettingError(f"--model is for `edgewise list tasks`, not for {kind}; leave it out")
    if given:
        _list_examples(given, as_json)
        return
    if kind == "settings":
        _list_settings(as_json)
        return
    entries = _entries(kind)
    if as_json:
        document: dict[str, object] = {"kind": kind, "entries": _rows(entries)}
        output.document("names", document | _beside(kind))
        return
    output.result(table((kind.removesuffix("s"), "what it is"), entries))
    if kind == "methods":
        from edgewise.report.cost import times_words
        from edgewise.runs.methods.advice import ADVICE

        output.result("\nWhich for which budget, by passes in those of EAP (docs/league.md):\n")
        rows = [(times_words(one.cost), one.method, one.words) for one in ADVICE]
        output.result(table(("cost", "method", "good for"), rows))
    if kind == "models":
        output.result("\nAny other folder or hub model of these verified classes works too:\n")
        output.result(table(("class", "its blocks"), _classes()))
        output.result("\nAnd so does any checkpoint in TransformerLens's format.")


def _entries(kind: str) -> list[tuple[str, str]]:
    if kind == "models":
        from edgewise.models.catalogue import KNOWN

        return list(KNOWN.items())
    if kind == "tasks":
        from edgewise.tasks import TASKS as REGISTRY
    elif kind == "metrics":
        from edgewise.metrics import METRICS as REGISTRY
    elif kind == "circuits":
        from edgewise.tasks.known import KNOWN as REGISTRY
    elif kind == "methods":
        from edgewise.runs.methods import get_method, method_names

        return [(name, get_method(name).summary) for name in method_names()]
    else:
        near = did_you_mean(kind, KINDS) or "."
        raise UnknownNameError(f"nothing to list under '{kind}'{near} Known kinds: {', '.join(KINDS)}.")
    return [(name, REGISTRY.describe(name)) for name in REGISTRY]


def _beside(kind: str) -> dict[str, object]:
    """What else the JSON document of a kind has."""
    if kind == "models":
        return {"classes": _rows(_classes())}
    if kind == "methods":
        from edgewise.runs.methods.advice import ADVICE

        return {"advice": [asdict(one) for one in ADVICE]}
    return {}


def _classes() -> list[tuple[str, str]]:
    from edgewise.models.families import FAMILIES

    return [(name, family.note) for name, family in sorted(FAMILIES.items())]


def _rows(entries: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "summary": summary} for name, summary in entries]


def _list_examples(given: Given, as_json: bool) -> None:
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.report.task_examples import show_examples
    from edgewise.runs.task_examples import task_examples
    from edgewise.settings.model import ModelSettings

    quiet_transformers()
    examples = list(task_examples(ModelSettings(**given)))
    if as_json:
        output.document("names", {"kind": "tasks", "entries": [asdict(one) for one in examples]})
        return
    output.result(show_examples(examples))


def _list_settings(as_json: bool) -> None:
    from edgewise.report.settings import HEADER, rows
    from edgewise.report.table import table

    found = list(rows())
    if as_json:
        output.document("names", {"kind": "settings", "entries": [asdict(row) for row in found]})
        return
    for group in dict.fromkeys(row.group for row in found):
        shown = [(row.option, row.takes, row.default, row.summary) for row in found if row.group == group]
        output.result(f"{group}\n\n{table(HEADER, shown)}\n")
