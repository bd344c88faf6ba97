"""EAP then ACDC: edges that EAP calls weak are removed at once, and ACDC tests the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgewise.engine.run.passes import Passes
from edgewise.graph import Circuit, EdgeScores, Graph
from edgewise.graph.selection import threshold, top_n
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.acdc import Acdc
from edgewise.runs.methods.work import Estimate, Work
from edgewise.search.acdc.eap_acdc import first_scores
from edgewise.search.acdc.state import AcdcState
from edgewise.settings.conditions import Conditions
from edgewise.settings.methods import EapAcdcSettings
from edgewise.tasks import PromptSet


class EapAcdc(Acdc):
    """Syed et al. (2023), section 5."""

    name = "eap-acdc"
    summary = "EAP then ACDC (Syed et al. 2023): edges that EAP scores low go at once, ACDC tests the others"
    settings = EapAcdcSettings

    def starts(
        self, configs: Sequence[RunConfig], model: Model, prompts: PromptSet, conditions: Conditions
    ) -> list[Circuit | None]:
        """What EAP leaves of the model: scored once for all searches."""
        config, every = configs[0], [self.own(config) for config in configs]
        metric = config.metric or self.default_metric
        scores = first_scores(model, prompts, metric, conditions=conditions)
        return [_left(scores, own) for own in every]

    def passes(self, config: RunConfig, state: AcdcState) -> Passes:
        """EAP's passes and ACDC's."""
        return Passes(4.0 + state.runs, 1.0, at_most=True)

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """EAP, and a test of every edge that it leaves: of all, where only a threshold says which."""
        own = self.own(config)
        left = graph.n_edges if own.eap_threshold is not None else _most(own, graph.n_edges)
        return (Estimate("eap", len(prompts)), self.tests(left))

    def rule(self, config: RunConfig) -> str:
        """Both tests, in words."""
        own = self.own(config)
        if own.eap_top is not None:
            left = f"the {own.eap_top:,} best"
        elif own.eap_fraction is not None:
            left = f"the best {100 * own.eap_fraction:g} %"
        else:
            left = f"those of {own.eap_threshold:g} or more"
        return f"of {left} by |EAP|, {super().rule(config)}"


def _left(scores: EdgeScores, own: EapAcdcSettings) -> Circuit:
    """The edges that ACDC is left."""
    if own.eap_threshold is not None:
        return threshold(scores, own.eap_threshold)
    return top_n(scores, _most(own, scores.graph.n_edges))


def _most(own: EapAcdcSettings, n_edges: int) -> int:
    """How many they are, where a number or a share is given."""
    # 0.29 of 100 edges are 29, though 0.29 * 100 is 28.999...
    return own.eap_top or max(1, math.floor((own.eap_fraction or 0.0) * n_edges + 1e-9))


METHOD = EapAcdc()
