"""What every verb prints with: results (text or one JSON document) on stdout, warnings on stderr."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import typer

from edgewise.cli.progress import clear
from edgewise.visible import visible


def result(text: str) -> None:
    """Print a result for people."""
    clear()
    typer.echo(visible(text))


def document(values: Any) -> None:
    """Print one JSON document; numbers that JSON does not have become null."""
    clear()
    typer.echo(json.dumps(_finite(values), indent=2, allow_nan=False))


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
