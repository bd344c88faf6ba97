"""HISP: nodes by the slope of the metric when they are taken out, and edges with their ends."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Graph
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.methods.work import Runs, Work
from edgewise.runs.resume import Tensors
from edgewise.search.hisp import HispState, hisp
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet


class Hisp(RunMethod[HispState]):
    """Michel et al. (2019), as ACDC was compared with it."""

    name = "hisp"
    summary = "head importance (Michel et al. 2019): q, k, v and MLPs by slope, and edges go with their ends; no sign"
    no_estimates = "gives importances of nodes, without sign, and its scores are no estimates of exact effects"
    of_all_prompts = "scores nodes by means over all prompts"

    def check(self, config: RunConfig) -> None:
        """Refuse what node importance cannot say."""
        super().check(config)
        if config.level != "edge":
            raise RunError("method 'hisp' scores the edges that go with q, k, v and MLPs; leave --level out")
        if config.selection.by == "helpful":
            raise RunError("method 'hisp' gives scores without a sign; leave --by out, or give --by mean-abs")

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[HispState]:
        """One state a micro-batch."""
        return hisp(
            model,
            prompts,
            metric=config.metric,
            conditions=conditions,
            stored=stored,
        )

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """One run of each prompt, and the way back through one."""
        return (Runs(Passes(2.0, 1.0)),)

    def passes(self, config: RunConfig, state: HispState) -> Passes:
        """One run of each prompt, and the way back through one."""
        return Passes(2.0, 1.0)


METHOD = Hisp()
