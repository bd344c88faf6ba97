"""Circuits of the user's own: a list of edge names, or an object of edges and classes of nodes.

["input->a0.h1<q>", "a0.h1->logits"]

{"edges": ["input->a0.h1<q>", "a0.h1->logits"], "classes": {"mover": ["a0.h1"]}, "summary": "What it is"}
"""

from __future__ import annotations

from typing import Any

from edgewise.errors import FormatError, SelectionError
from edgewise.tasks.known.circuit import KnownCircuit

_FIELDS = ("edges", "classes", "summary")


def known_from_json(content: Any, where: str) -> KnownCircuit:
    """Return the circuit in a parsed JSON file.

    Args:
        content: a list of edge names, or ``{"edges": [...], "classes": {...}, "summary": ...}``; the last two may
            be missing.
        where: the file's name, for messages.

    Raises:
        FormatError: something else; the message names the field.
    """
    values = {"edges": content} if isinstance(content, list) else content
    if not isinstance(values, dict) or "edges" not in values:
        raise FormatError(f"{where}: neither a list of edge names nor an object with the field 'edges'")
    unknown = next((name for name in values if name not in _FIELDS), None)
    if unknown is not None:
        raise FormatError(f"{where}: field '{unknown}' is unknown; a known circuit has {', '.join(_FIELDS)}")
    edges = _names(values["edges"], f"{where}: edges")
    if not edges:
        raise FormatError(f"{where}: edges is empty; name at least one, such as 'a0.h1->logits'")
    classes = values.get("classes", {})
    if not isinstance(classes, dict):
        raise FormatError(f"{where}: classes is not an object of class -> list of nodes")
    members = {name: _names(nodes, f"{where}: classes['{name}']") for name, nodes in classes.items()}
    try:
        return KnownCircuit(str(values.get("summary", where)), edges, members)
    except SelectionError as error:
        raise FormatError(f"{where}: {error}") from None


def _names(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(name, str) for name in values):
        raise FormatError(f"{where} is not a list of names")
    twice = next((name for name in values if values.count(name) > 1), None) if len(set(values)) < len(values) else None
    if twice is not None:
        raise FormatError(f"{where} lists '{twice}' twice")
    return tuple(values)
