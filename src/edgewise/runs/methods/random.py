"""Random scores: the baseline of every method."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Graph
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.methods.work import Patches, Work
from edgewise.runs.resume import Tensors
from edgewise.search.given import GivenState
from edgewise.search.random import at_random
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import RandomSettings
from edgewise.tasks import PromptSet


class Random(RunMethod[GivenState]):
    """Draw scores."""

    name = "random"
    summary = "scores drawn at random from a seed: the baseline of every method"
    settings = RandomSettings
    by_place = True
    by_reader = True
    no_estimates = "draws its scores, and they are no estimates of exact effects"
    of_all_prompts = "draws its scores whatever the prompts"

    def check(self, config: RunConfig) -> None:
        """Refuse a ranking that random scores do not have."""
        super().check(config)
        if config.selection.by == "mean-abs":
            raise RunError("method 'random' has one score of each edge for all prompts; leave --by mean-abs out")

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[GivenState]:
        """One state a micro-batch, of the metric."""
        own = self.own(config).method_seed
        return at_random(
            model,
            prompts,
            seed=abs(config.seed) if own is None else own,
            metric=config.metric,
            level=config.level,
            conditions=conditions,
            stored=stored,
        )

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """The clean and the corrupted run."""
        return (Patches(0.0, 0.0),)

    def passes(self, config: RunConfig, state: GivenState) -> Passes:
        """The clean and the corrupted run."""
        return Passes(2.0)


METHOD = Random()
