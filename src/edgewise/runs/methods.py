"""Every method that `discover` can run: those that estimate, and those that run the model with edges patched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy.typing as npt

from edgewise.attribution import METHODS as ATTRIBUTION
from edgewise.attribution import AttributionState, attribute
from edgewise.errors import RunError, UnknownNameError, did_you_mean
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.resume import Resumable, Tensors
from edgewise.runs.selection import Selection, select
from edgewise.search import METHODS as SEARCH
from edgewise.search import patching
from edgewise.search.acdc import search
from edgewise.search.pace import seconds_a_prompt
from edgewise.search.trace import AcdcState, trace_lines
from edgewise.tasks import PromptSet

PATCHING, ACDC = "activation-patching", "acdc"


class ScoringState(Resumable, Protocol):
    """The state of a method that scores edges or nodes."""

    @property
    def batch_size(self) -> int:
        """Prompts a micro-batch."""
        ...

    @property
    def planned_batch_size(self) -> int:
        """The same as it was at the start; more where memory ran out."""
        ...

    @property
    def clean_metric(self) -> npt.NDArray[Any]:
        """The metric of every prompt on the clean run."""
        ...

    @property
    def corrupted_metric(self) -> npt.NDArray[Any]:
        """Likewise on the corrupted run."""
        ...

    def scores(self) -> EdgeScores | NodeScores:
        """The scores at the end."""
        ...


def method_names() -> tuple[str, ...]:
    """The names of all methods."""
    return (*ATTRIBUTION, *SEARCH)


def describe_method(name: str) -> str:
    """One line on a method."""
    return (SEARCH if name in SEARCH else ATTRIBUTION).describe(name)


def require_method(config: RunConfig) -> None:
    """Refuse a method that does not exist, or that cannot do what else is asked for.

    Raises:
        UnknownNameError: no such method.
        RunError: chosen edges for a method that scores all at once.
    """
    name = config.method
    if name not in SEARCH and name not in ATTRIBUTION:
        near, known = did_you_mean(name, method_names()) or ".", ", ".join(method_names())
        raise UnknownNameError(f"unknown method '{name}'{near} Known methods: {known}.")
    if config.only and name != PATCHING:
        raise RunError(f"--only chooses what is patched, and method '{name}' looks at every edge; leave --only out")
    check = _require_acdc if name == ACDC else _refuse_acdc
    check(config)


def _require_acdc(config: RunConfig) -> None:
    if config.tau is None:
        raise RunError("method 'acdc' needs a threshold in units of the metric; give --tau, for example --tau 0.05")
    if not math.isfinite(config.tau):
        raise RunError(f"--tau is {config.tau}; give a finite number")
    if config.level != "edge":
        raise RunError("method 'acdc' removes edges; leave --level out")
    if config.selection != Selection():
        raise RunError("method 'acdc' finds its own circuit; leave --top, --threshold, --fraction and the like out")
    if config.per_prompt:
        raise RunError("method 'acdc' tests means over prompts; leave --per-prompt out")


def _refuse_acdc(config: RunConfig) -> None:
    given = [name for name in ("tau", "absolute", "direct_edges") if getattr(config, name) not in (None, False)]
    if given:
        flag = given[0].replace("_", "-")
        raise RunError(
            f"--{flag} belongs to method 'acdc', not to '{config.method}'; give --method acdc or leave it out"
        )


def circuit_of(config: RunConfig, state: ScoringState, scores: EdgeScores | NodeScores) -> Circuit:
    """The circuit of a finished method: its own, or the one that the config selects by its scores."""
    return state.circuit() if isinstance(state, AcdcState) else select(scores, config.selection)


def trace_of(state: ScoringState) -> bytes | None:
    """One JSON line a test, in order, where a method makes tests; None elsewhere."""
    return trace_lines(state) if isinstance(state, AcdcState) else None


def scoring_states(
    config: RunConfig, model: Model, prompts: PromptSet, max_memory: int | None, stored: Tensors | None
) -> Iterator[ScoringState]:
    """The states of the config's method, from a stored one on where there is one."""
    if config.method == ACDC:
        return search(
            model,
            prompts,
            float(config.tau or 0.0),
            metric=config.metric or "kl",
            absolute=config.absolute,
            direct_edges=config.direct_edges,
            batch_size=config.batch_size,
            max_memory=max_memory,
            stored=stored,
        )
    if config.method == PATCHING:
        return patching(
            model,
            prompts,
            metric=config.metric,
            level=config.level,
            only=config.only or None,
            batch_size=config.batch_size,
            per_prompt=config.per_prompt,
            max_memory=max_memory,
            stored=stored,
        )
    state = None
    if stored is not None:
        state = AttributionState.from_tensors(stored, model.graph, level=config.level, per_prompt=config.per_prompt)
    return attribute(
        model,
        prompts,
        method=config.method,
        metric=config.metric,
        level=config.level,
        batch_size=config.batch_size,
        per_prompt=config.per_prompt,
        max_memory=max_memory,
        state=state,
    )


def pace_of(config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[ScoringState], float] | None:
    """How long one unit of a method's progress takes; None where nothing is worth saying beforehand."""
    if config.method != PATCHING:
        return None
    return lambda state: seconds_a_prompt(model, prompts.pairs, state.batch_size)


def metric_of(config: RunConfig, prompts: PromptSet) -> str:
    """The name of the metric that a run measures; ACDC's is KL where none is asked for."""
    return get_metric(config.metric or ("kl" if config.method == ACDC else prompts.metric)).name


def prompts_to_score(config: RunConfig, prompts: PromptSet) -> int | None:
    """How many prompts there are to score, where that is what a method's progress counts."""
    return None if config.method in SEARCH else len(prompts)
