"""Activation patching: the exact effect of every edge (or node), or of those that are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgewise.engine.run.passes import Passes
from edgewise.graph import Graph
from edgewise.graph.arrays import BoolArray
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod, scoring
from edgewise.runs.methods.work import Patches, Work
from edgewise.runs.resume import Tensors
from edgewise.search.exact.patching import PatchingState, patching, targets_of
from edgewise.search.exact.targets import cost_of
from edgewise.search.pace import seconds_a_prompt
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import PatchingSettings
from edgewise.tasks import PromptSet


class ActivationPatching(RunMethod[PatchingState]):
    """Patch one after the other."""

    name = "activation-patching"
    summary = "the exact effect of every edge (or node): one patched run each, begun where the edge ends"
    settings = PatchingSettings
    is_exact = True
    by_place = True
    by_reader = True
    no_estimates = "measures exact effects itself"

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[PatchingState]:
        """One state a chunk of prompts and edges."""
        return patching(
            model,
            prompts,
            only=self.own(config).only or None,
            stored=stored,
            **scoring(config, conditions),
        )

    def scored(self, config: RunConfig, graph: Graph) -> BoolArray:
        """Those that are patched."""
        only = self.own(config).only or None
        return super().scored(config, graph) if only is None else targets_of(graph, config.level, only).chosen

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """The clean and the corrupted run, and each patched one from where its patch acts."""
        chosen = self.scored(config, graph)
        return (Patches(float(chosen.sum()), cost_of(graph, chosen)),)

    def passes(self, config: RunConfig, state: PatchingState) -> Passes:
        """The clean and the corrupted run, and each patched one from where its patch acts."""
        return Passes(2 + float(state.targets.costs.sum()))

    def pace(self, config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[PatchingState], float]:
        """Seconds a prompt takes, by a run of a few."""
        return lambda state: seconds_a_prompt(model, prompts.pairs, state.batch_size)


METHOD = ActivationPatching()
