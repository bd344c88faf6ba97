"""`edgewise list`: the names that other verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewise.cli import output
from edgewise.errors import UnknownNameError, did_you_mean

EXAMPLES = """Examples:

edgewise list models

edgewise list metrics

edgewise list tasks --json
"""
KINDS = ("models", "tasks", "metrics", "methods")


def list_names(
    kind: Annotated[str, typer.Argument(help="models, tasks, metrics or methods.", metavar="KIND")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the models, tasks, metrics or methods that are known, with one line on each."""
    from edgewise.report.table import table

    entries = _entries(kind)
    if as_json:
        rows = [{"name": name, "summary": summary} for name, summary in entries]
        output.document({"kind": kind, "entries": rows})
        return
    output.result(table((kind.removesuffix("s"), "what it is"), entries))
    if kind == "models":
        output.result(f"\nAny other folder or hub model of these classes works too: {', '.join(_families())};")
        output.result("and so does any checkpoint in TransformerLens's format.")


def _entries(kind: str) -> list[tuple[str, str]]:
    if kind == "models":
        from edgewise.models.catalogue import KNOWN

        return list(KNOWN.items())
    if kind == "tasks":
        from edgewise.tasks import TASKS as REGISTRY
    elif kind == "metrics":
        from edgewise.metrics import METRICS as REGISTRY
    elif kind == "methods":
        from edgewise.runs.methods import describe_method, method_names

        return [(name, describe_method(name)) for name in method_names()]
    else:
        near = did_you_mean(kind, KINDS) or "."
        raise UnknownNameError(f"nothing to list under '{kind}'{near} Known kinds: {', '.join(KINDS)}.")
    return [(name, REGISTRY.describe(name)) for name in REGISTRY]


def _families() -> tuple[str, ...]:
    from edgewise.models.families import FAMILIES

    return tuple(FAMILIES)
