"""Subnetwork probing: masks on nodes or edges, trained to keep the behaviour with few."""

from __future__ import annotations

from collections.abc import Iterator

from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.methods.work import WITH_MASKS, Runs, Work
from edgewise.runs.resume import Tensors
from edgewise.search.probing import ProbingState, Training, probing
from edgewise.search.probing.masks import NODES_ANYWHERE, EdgeMasks, NodeMasks
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import ProbingSettings
from edgewise.tasks import PromptSet


class SubnetworkProbing(RunMethod[ProbingState]):
    """Cao et al. (2021), as ACDC was compared with it."""

    name = "subnetwork-probing"
    summary = "subnetwork probing (Cao et al. 2021): masks on nodes or edges, trained to keep the behaviour with few"
    settings = ProbingSettings
    default_metric = "kl"
    makes_circuit = True
    no_estimates = "trains masks, and its scores are no estimates of exact effects"
    by_place = True
    of_all_prompts = "trains on all prompts together"

    def check(self, config: RunConfig) -> None:
        """Refuse what masks on nodes cannot say."""
        super().check(config)
        if config.positions is not None and self.own(config).masks == "node":
            raise RunError(NODES_ANYWHERE)

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[ProbingState]:
        """One state a step."""
        return probing(
            model,
            prompts,
            _training(self.own(config), config.seed),
            metric=config.metric or self.default_metric,
            conditions=conditions,
            stored=stored,
        )

    def circuit(self, config: RunConfig, state: ProbingState, scores: EdgeScores | NodeScores) -> Circuit:
        """What the masks keep."""
        return state.circuit()

    def rule(self, config: RunConfig) -> str:
        """The cut, in words."""
        own = self.own(config)
        what = "whose mask is" if own.masks == "edge" else "whose two ends are"
        return f"those {what} more likely kept than not after {own.steps:,} steps, lambda {own.lambda_:g}"

    def trace(self, state: ProbingState) -> bytes:
        """The loss of every step."""
        return state.lines()

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """Steps with masks, there and back."""
        kind = EdgeMasks if self.own(config).masks == "edge" else NodeMasks
        return (Runs(self._passes(config, len(prompts)), kind.memory, WITH_MASKS),)

    def passes(self, config: RunConfig, state: ProbingState) -> Passes:
        """Each step's prompts there and back; clean and corrupted runs once, or for every step's own prompts."""
        return self._passes(config, len(state.clean_metric))

    def _passes(self, config: RunConfig, n: int) -> Passes:
        own = self.own(config)
        there = own.steps * min(own.minibatch or n, n) / n
        drawn = own.minibatch is not None and own.minibatch < n
        return Passes(2 + there + (2 * there if drawn else 0), there)


def _training(own: ProbingSettings, seed: int) -> Training:
    """The training, with the run's seed where there is none of its own."""
    drawn = abs(seed) if own.method_seed is None else own.method_seed
    return Training(own.lambda_ or 0.0, own.masks, own.steps, own.lr, drawn, own.minibatch)


METHOD = SubnetworkProbing()
