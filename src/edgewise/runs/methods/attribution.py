"""Every method of the room `attribution`: an estimate of all edges (or nodes) from a few passes."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.attribution import METHODS, AttributionState, attribute
from edgewise.attribution.method import Method
from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.passes import Passes
from edgewise.graph import Graph
from edgewise.methods import estimate_of
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod, scoring
from edgewise.runs.methods.work import Estimate, Work
from edgewise.runs.resume import Tensors
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet


class Estimating(RunMethod[AttributionState]):
    """An attribution method."""

    def __init__(self, name: str) -> None:
        """Look the method up."""
        self._method: Method = METHODS.load(estimate_of(name))
        self.name, self.summary, self.settings = name, self._method.summary, self._method.settings
        self.no_estimates = self._method.no_estimates
        self.by_place, self.by_reader = self._method.by_place, self._method.by_reader
        self.by_gradient = not self._method.beyond_clean

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[AttributionState]:
        """One state a micro-batch."""
        state = None
        if stored is not None:
            state = AttributionState.from_tensors(
                stored, graph_for(model, prompts), level=config.level, per_prompt=config.per_prompt
            )
        return attribute(
            model,
            prompts,
            method=self._method.name,
            settings=config.settings,
            state=state,
            **scoring(config, conditions),
        )

    def passes(self, config: RunConfig, state: AttributionState) -> Passes | None:
        """As the method says."""
        return self._method.cost(self.own(config), state.graph.spec)

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """One estimate."""
        return (Estimate(self._method.name, len(prompts), config.settings),)

    def total(self, prompts: PromptSet) -> int:
        """The prompts."""
        return len(prompts)
