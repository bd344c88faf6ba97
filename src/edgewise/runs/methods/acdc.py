"""ACDC: edges are removed from the output back where that changes the metric by less than a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgewise.errors import RunError, SettingError
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.method import RunMethod
from edgewise.runs.resume import Tensors
from edgewise.search.acdc import search
from edgewise.search.trace import AcdcState, trace_lines
from edgewise.tasks import PromptSet


@dataclass(frozen=True)
class AcdcSettings:
    """ACDC's rule.

    Args:
        tau: the threshold, in units of the metric; there is no default.
        absolute: compare the size of a change with tau, not the change for the worse.
        direct_edges: first test for each layer whether q, k and v of its heads can be patched as a whole.

    Raises:
        SettingError: no tau, or one that is no finite number.
    """

    tau: float | None = None
    absolute: bool = False
    direct_edges: bool = False

    def __post_init__(self) -> None:
        """Require a threshold."""
        if self.tau is None:
            raise SettingError(
                "method 'acdc' needs a threshold in units of the metric; give --tau, for example --tau 0.05"
            )
        if not math.isfinite(self.tau):
            raise SettingError(f"--tau is {self.tau}; give a finite number")


class Acdc(RunMethod[AcdcState]):
    """Conmy et al. (2023), algorithm 1."""

    name = "acdc"
    summary = "ACDC (Conmy et al. 2023): edges are removed one by one, from the output back, where that changes little"
    settings = AcdcSettings
    default_metric = "kl"
    makes_circuit = True

    def check(self, config: RunConfig) -> None:
        """Refuse what ACDC cannot do."""
        super().check(config)
        if config.per_prompt or config.bootstrap:
            option = "--per-prompt" if config.per_prompt else "--bootstrap"
            raise RunError(f"method 'acdc' tests means over prompts; leave {option} out")

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, max_memory: int | None, stored: Tensors | None
    ) -> Iterator[AcdcState]:
        """One state a batch of tests."""
        own = self.own(config)
        return search(
            model,
            prompts,
            own.tau,
            metric=config.metric or self.default_metric,
            absolute=own.absolute,
            direct_edges=own.direct_edges,
            batch_size=config.batch_size,
            max_memory=max_memory,
            stored=stored,
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

    def trace(self, state: AcdcState) -> bytes:
        """All tests, in order."""
        return trace_lines(state)


METHOD = Acdc()
