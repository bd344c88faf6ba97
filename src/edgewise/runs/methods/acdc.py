"""ACDC: edges are removed from the output back where that changes the metric by less than a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from edgewise.engine.run.inputs import graph_for
from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.graph import Circuit, EdgeScores, Graph, NodeScores
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.methods.work import Patches, Work
from edgewise.runs.resume import Tensors
from edgewise.search.acdc.state import AcdcState, trace_lines
from edgewise.search.acdc.sweep import AcdcRule, SweepState, sweep
from edgewise.search.pace import seconds_a_prompt
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import AcdcSettings
from edgewise.tasks import PromptSet

# What a test costs in forward passes, by the benchmark: a guess for how long a search takes at most.
SHARE_OF_A_PASS = 0.3


class Acdc(RunMethod[AcdcState]):
    """Conmy et al. (2023), algorithm 1."""

    name = "acdc"
    summary = "ACDC (Conmy et al. 2023): edges are removed one by one, from the output back, where that changes little"
    settings = AcdcSettings
    default_metric: ClassVar[str] = "kl"
    unit = "edges to test at most"
    makes_circuit = True
    shares_work = True
    by_place = True
    no_estimates = "measures effects in a circuit that shrinks, and its scores are no estimates of exact effects"

    def check(self, config: RunConfig) -> None:
        """Refuse what ACDC cannot do."""
        super().check(config)
        if config.per_prompt or config.bootstrap:
            option = "--per-prompt" if config.per_prompt else "--bootstrap"
            raise RunError(f"method '{self.name}' tests means over prompts; leave {option} out")

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[AcdcState]:
        """One state a batch of tests."""
        earlier = None if stored is None else [AcdcState.from_tensors(stored, graph_for(model, prompts))]
        for now in self._sweep([config], model, prompts, conditions, earlier):
            yield now.states[0]

    def together(
        self,
        configs: Sequence[RunConfig],
        model: Model,
        prompts: PromptSet,
        conditions: Conditions,
        stored: Tensors | None,
    ) -> Iterator[SweepState]:
        """Searches that are one until they judge a test differently."""
        earlier = None if stored is None else SweepState.from_tensors(stored, graph_for(model, prompts)).states
        return self._sweep(configs, model, prompts, conditions, earlier)

    def starts(
        self, configs: Sequence[RunConfig], model: Model, prompts: PromptSet, conditions: Conditions
    ) -> list[Circuit | None]:
        """The circuit that each search begins with; None for the whole model."""
        return [None] * len(configs)

    def _sweep(
        self,
        configs: Sequence[RunConfig],
        model: Model,
        prompts: PromptSet,
        conditions: Conditions,
        earlier: Sequence[AcdcState] | None,
    ) -> Iterator[SweepState]:
        every, config = [self.own(config) for config in configs], configs[0]
        # A search that goes on knows where it began.
        starts = [None] * len(every) if earlier else self.starts(configs, model, prompts, conditions)
        return sweep(
            model,
            prompts,
            [AcdcRule(own.tau, start) for own, start in zip(every, starts, strict=True)],
            metric=config.metric or self.default_metric,
            absolute=every[0].absolute,
            direct_edges=every[0].direct_edges,
            conditions=conditions,
            earlier=earlier,
        )

    def circuit(self, config: RunConfig, state: AcdcState, scores: EdgeScores | NodeScores) -> Circuit:
        """The edges kept."""
        return state.circuit()

    def rule(self, config: RunConfig) -> str:
        """The test, in words."""
        own = self.own(config)
        size = "by" if own.absolute else "for the worse by"
        direct = ", heads' inputs as a whole first" if own.direct_edges else ""
        return f"those whose removal changes the metric {size} {own.tau:g} or more{direct}"

    def passes(self, config: RunConfig, state: AcdcState) -> Passes:
        """The clean and the corrupted run, and every test, however little of the model it ran."""
        return Passes(2.0 + state.runs, at_most=True)

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """A test of every edge; those into nodes that nobody reads any more are spared."""
        return (self.tests(graph.n_edges),)

    def tests(self, n_edges: int) -> Patches:
        """So many tests at most."""
        return Patches(n_edges, SHARE_OF_A_PASS * n_edges, at_most=True, keeps=True)

    def pace(self, config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[AcdcState], float]:
        """Seconds that the runs of one edge take at most, were every edge tested, by a run of a few prompts."""
        return lambda state: SHARE_OF_A_PASS * len(prompts) * seconds_a_prompt(model, prompts.pairs, state.batch_size)

    def trace(self, state: AcdcState) -> bytes:
        """All tests, in order."""
        return trace_lines(state)


METHOD = Acdc()
