"""What every verb prints with: results (text or one JSON document) on stdout, warnings on stderr."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import typer

from edgewise.cli.progress import clear
from edgewise.visible import visible

# Kind of JSON document -> its version, which rises when a field goes or means something else, not when one is added.
# What each has in it: docs/agents.md.
SCHEMAS = {
    "check": 1,
    "circuit": 1,
    "clusters": 1,
    "comparison": 1,
    "drawing": 1,
    "evaluation": 1,
    "export": 1,
    "figures": 1,
    "import": 1,
    "league": 1,
    "made-prompts": 1,
    "mib": 1,
    "names": 1,
    "neuron-evaluation": 1,
    "neurons": 1,
    "plan": 1,
    "prompts": 1,
    "push": 1,
    "report": 1,
    "roc": 1,
    "run": 1,
    "shared": 1,
    "specificity": 1,
    "sweep": 1,
    "verification": 1,
}


def result(text: str) -> None:
    """Print a result for people."""
    clear()
    typer.echo(visible(text))


def document(kind: str, values: Mapping[str, Any]) -> None:
    """Print one JSON document, what it is and its version first; numbers that JSON does not have become null."""
    clear()
    typer.echo(as_json(kind, values), nl=False)


def as_json(kind: str, values: Mapping[str, Any]) -> str:
    """The text of the same document."""
    named = {"schema": f"edgewise-{kind}/{SCHEMAS[kind]}", **values}
    return json.dumps(_finite(named), indent=2, allow_nan=False) + "\n"


def warn(messages: Iterable[str]) -> None:
    """Print warnings on stderr, one line each."""
    for message in messages:
        note(f"warning: {' '.join(message.split())}")


def note(message: str) -> None:
    """Print on stderr, in one line, what the user may want to know and need not act on."""
    typer.echo(f"edgewise: {visible(message)}", err=True)


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    if isinstance(values, float) and not math.isfinite(values):
        return None
    return values
