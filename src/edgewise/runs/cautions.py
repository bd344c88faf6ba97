"""What to beware of in the numbers of a finished run, in one line each."""

from __future__ import annotations

import shlex
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgewise.metrics import Metric
from edgewise.runs.setup import Setup
from edgewise.settings.memory_names import is_of_memory


class OfPrompts(Protocol):
    """What a finished state says of its prompts; arguments as of `edgewise.runs.methods.ScoringState`."""

    @property
    def batch_size(self) -> int: ...
    @property
    def planned_batch_size(self) -> int: ...
    @property
    def clean_metric(self) -> npt.NDArray[Any]: ...
    @property
    def corrupted_metric(self) -> npt.NDArray[Any]: ...


# By fewer standard errors than these, a difference may be none.
CLEARLY = 2.0


def cautions(setup: Setup, metric: Metric, state: OfPrompts) -> tuple[str, ...]:
    """All of a run.

    Args:
        setup: its model and prompts.
        metric: its metric.
        state: its finished state.
    """
    found = (_less_memory(state), _unnamed(setup), _no_better(setup.config.model, metric, state))
    return tuple(line for line in found if line is not None)


def _less_memory(state: OfPrompts) -> str | None:
    if state.batch_size == state.planned_batch_size:
        return None
    return (
        f"memory ran out with {state.planned_batch_size} prompts at a time, so {state.batch_size} were run at a time;"
        " no score changed"
    )


def _unnamed(setup: Setup) -> str | None:
    if setup.identity["model"] is not None:
        return None
    return (
        f"model {setup.config.model}: neither its files nor its commit in the local cache could be named, so nothing"
        " will tell whether a later run, verification or evaluation uses the same weights"
    )


def _no_better(model: str, metric: Metric, state: OfPrompts) -> str | None:
    """Of a metric whose higher values are better: where the prompts that show the behaviour do not have them."""
    if not metric.higher_is_better:
        return None
    gains = np.asarray(state.clean_metric, np.float64) - np.asarray(state.corrupted_metric, np.float64)
    gain, stderr = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    if gain > CLEARLY * stderr:
        return None
    apart = f"{gain:.3g}, {gain / stderr:.1f} standard errors" if stderr else f"{gain:.3g}"
    clean, corrupted = float(np.mean(state.clean_metric)), float(np.mean(state.corrupted_metric))
    return (
        f"{metric.name} is {'not' if gain <= 0 else 'hardly'} better on clean prompts ({clean:.3g}) than on corrupted"
        f" ones ({corrupted:.3g}; difference {apart}): is there a behaviour to explain? Weights may be random or wrong,"
        f" the tokenizer another model's, the task unknown to the model, or the answers swapped; see"
        f" {_checking(model)}"
    )


def _checking(model: str) -> str:
    """What to call to have a model checked."""
    if is_of_memory(model):
        return "`edgewise.check_model(edgewise.load_model(model))`"
    return f"`edgewise check {shlex.quote(model)}`"
