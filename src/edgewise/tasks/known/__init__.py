"""The circuits that published work found by hand: for one task in one model, the edges and what nodes do.

Adding one is one module with a `KnownCircuit` and one row in `KNOWN`, named ``task/model``.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgewise.graph import GraphSpec
from edgewise.registry import Registry
from edgewise.tasks.known.circuit import KnownCircuit
from edgewise.tasks.known.given import known_from_json

__all__ = ["KNOWN", "KnownCircuit", "find_known", "known_from_json", "node_classes"]

KNOWN = Registry(
    "known circuit",
    {
        "ioi/gpt2": "edgewise.tasks.known.ioi:CIRCUIT",
        "greater-than/gpt2": "edgewise.tasks.known.greater_than:CIRCUIT",
        "acronyms/gpt2": "edgewise.tasks.known.acronyms:CIRCUIT",
        "pronouns/gpt2": "edgewise.tasks.known.pronouns:CIRCUIT",
        "agreement/google/gemma-2b": "edgewise.tasks.known.agreement:CIRCUIT",
        "induction/redwood_attn_2l": "edgewise.tasks.known.induction:CIRCUIT",
        "docstring/attn-only-4l": "edgewise.tasks.known.docstring:CIRCUIT",
    },
)


def find_known(task: str | None, model: str) -> KnownCircuit | None:
    """Return the known circuit of a task in the model of that name, or None when none is known.

    Args:
        task: a task's name; None for prompts of the user's own.
        model: the model's name, or the hub repository behind it.
    """
    found = (KNOWN.load(name) for name in KNOWN if name.partition("/")[0] == task)
    return next((known for known in found if model in known.models), None)


def node_classes(task: str | None, model: str, spec: GraphSpec) -> Mapping[str, str]:
    """Return the class of every node of a model that published work on a task gives one.

    Args:
        task: a task's name; None for prompts of the user's own.
        model: the model's name.
        spec: shape of its graph.

    Returns:
        Node -> class, in the order of the classes; empty when nothing is known of this task in this model, or when
        the model of this name has another shape.
    """
    known = find_known(task, model)
    return {} if known is None or not known.fits(spec) else known.class_of
