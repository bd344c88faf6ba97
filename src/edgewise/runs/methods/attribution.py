"""Every method of the room `attribution`: an estimate of all edges (or nodes) from a few passes."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.attribution import METHODS, AttributionState, attribute
from edgewise.attribution.method import Method
from edgewise.engine.passes import Passes
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.resume import Tensors
from edgewise.tasks import PromptSet

# Those whose scores are in no unit of the metric.
IMPORTANCES = ("ifr",)


class Estimating(RunMethod[AttributionState]):
    """An attribution method."""

    def __init__(self, name: str) -> None:
        """Look the method up."""
        self.name, self.summary = name, METHODS.describe(name)
        self.settings = METHODS.load(name).settings
        if name in IMPORTANCES:
            self.no_estimates = "gives importances without sign, and its scores are no estimates of exact effects"

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, max_memory: int | None, stored: Tensors | None
    ) -> Iterator[AttributionState]:
        """One state a micro-batch."""
        state = None
        if stored is not None:
            state = AttributionState.from_tensors(stored, model.graph, level=config.level, per_prompt=config.per_prompt)
        return attribute(
            model,
            prompts,
            method=self.name,
            settings=config.settings,
            metric=config.metric,
            level=config.level,
            batch_size=config.batch_size,
            per_prompt=config.per_prompt,
            bootstrap=config.bootstrap,
            seed=config.seed,
            max_memory=max_memory,
            state=state,
        )

    def passes(self, config: RunConfig, state: AttributionState) -> Passes | None:
        """As the method says."""
        method: Method = METHODS.load(self.name)
        return method.cost(self.own(config), state.graph.spec)

    def total(self, prompts: PromptSet) -> int:
        """The prompts."""
        return len(prompts)
