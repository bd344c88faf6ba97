"""Fading: circuits of every size, found in their own context."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Graph
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.methods.work import WITH_MASKS, Runs, Work
from edgewise.runs.resume import Tensors
from edgewise.search.fading import Fading, FadingState, fading
from edgewise.search.fading.rungs import plan
from edgewise.search.probing.masks import EdgeMasks
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import FadingSettings
from edgewise.tasks import PromptSet


class FadingMethod(RunMethod[FadingState]):
    """Masks that fade, edge by edge, in the order in which the circuit needs them least."""

    name = "fading"
    summary = "circuits in their own context: masks of all edges fade where the loss (KL) feels it least"
    settings = FadingSettings
    default_metric = "kl"
    no_estimates = "ranks edges by the smallest circuit that needs them, and its scores are no estimates of effects"
    by_place = True
    of_all_prompts = "ranks by all prompts together"

    def check(self, config: RunConfig) -> None:
        """Refuse what masks of edges cannot say."""
        super().check(config)
        if config.level != "edge":
            raise RunError("method 'fading' ranks edges; leave --level out")
        if config.selection.by in ("helpful", "mean-abs"):
            raise RunError("method 'fading' gives one rank an edge, without a sign; leave --by out")

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[FadingState]:
        """One state a step."""
        own = self.own(config)
        seed = abs(config.seed) if own.method_seed is None else own.method_seed
        return fading(
            model,
            prompts,
            Fading(own.steps, own.minibatch, own.rate, seed, own.rung),
            metric=config.metric or self.default_metric,
            conditions=conditions,
            stored=stored,
        )

    def trace(self, state: FadingState) -> bytes:
        """The size and the loss of every step."""
        return state.lines()

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """Steps with masks on all edges, there and back."""
        steps = len(plan(graph.n_edges, self.own(config).steps))
        return (Runs(self._passes(config, steps, len(prompts)), EdgeMasks.memory, WITH_MASKS),)

    def passes(self, config: RunConfig, state: FadingState) -> Passes:
        """Clean and corrupted runs once, the estimate (3 F + 1 B), and each step's prompts there and back."""
        return self._passes(config, state.total, len(state.clean_metric))

    def _passes(self, config: RunConfig, steps: int, n: int) -> Passes:
        own = self.own(config)
        there = steps * min(own.minibatch, n) / n
        return Passes(2 + 3 + there, 1 + there)


METHOD = FadingMethod()
