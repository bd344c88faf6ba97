"""What a shell may complete: names, and the values that a setting can have; looked up when a key asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from edgewise.settings import Described

Completion = Callable[[str], list[str]]
# The shell says with this that a key was pressed. Without it typer is given nothing, for it looks at every function.
ASKED = "_EDGEWISE_COMPLETE"


def completing(names: Callable[[], Iterable[str]]) -> Completion | None:
    """A completion by the names that begin as what is typed does; None in a process that is to complete nothing."""
    if ASKED not in os.environ:
        return None

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def of_setting(one: Described) -> Completion | None:
    """That of a setting; None where any value will do."""
    if one.choices:
        return completing(lambda: one.choices)
    return _NAMED.get(one.name)


def _methods() -> Iterable[str]:
    from edgewise.methods import method_names

    return method_names()


def _tasks() -> Iterable[str]:
    from edgewise.tasks import TASKS

    return TASKS


def _metrics() -> Iterable[str]:
    from edgewise.metric_names import METRICS

    return METRICS


def _devices() -> Iterable[str]:
    return "auto", "cpu", "cuda", "mps"


def _attentions() -> Iterable[str]:
    return "eager", "sdpa", "flash_attention_2"


_NAMED = {
    "method": completing(_methods),
    "task": completing(_tasks),
    "metric": completing(_metrics),
    "device": completing(_devices),
    "attention": completing(_attentions),
}
