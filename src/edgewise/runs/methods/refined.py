"""An attribution method whose largest and least certain estimates are checked by exact patching: `--exact N`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from edgewise.attribution import METHODS
from edgewise.engine.run.passes import Passes
from edgewise.evaluation.agreement import agreement
from edgewise.graph import EdgeScores, NodeScores
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.attribution import Estimating
from edgewise.runs.methods.method import RunMethod, scoring
from edgewise.runs.resume import Tensors
from edgewise.runs.steps import SCORING
from edgewise.runs.store.record import ExactSummary
from edgewise.search.exact.flags import second_of
from edgewise.search.exact.refining import RefiningState, refining
from edgewise.search.pace import seconds_a_prompt
from edgewise.settings import read_settings
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet


class Refined(RunMethod[RefiningState]):
    """Estimates of all, second estimates of all, and exact effects of those that are flagged."""

    def __init__(self, name: str) -> None:
        """Wrap the attribution method of that name."""
        self.first, self.second = Estimating(name), second_of(name)
        self.name, self.summary, self.settings = name, self.first.summary, self.first.settings

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[RefiningState]:
        """One state a micro-batch, and then a chunk of prompts and edges."""
        return refining(
            model,
            prompts,
            config.exact,
            method=self.name,
            settings=config.settings,
            stored=stored,
            **scoring(config, conditions),
        )

    def stage(self, state: RefiningState) -> str:
        """Which of the three."""
        exact = f"measuring exact effects, {0 if state.exact is None else len(state.exact.targets):,} in all"
        return {"first": SCORING, "second": f"{SCORING} by {self.second}", "exact": exact}[state.stage]

    def total(self, prompts: PromptSet) -> int:
        """The prompts, of the first stage."""
        return self.first.total(prompts)

    def pace(self, config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[RefiningState], float | None]:
        """Seconds a prompt takes, by a run of a few, where exact effects begin."""
        return lambda state: (
            None if state.exact is None else seconds_a_prompt(model, prompts.pairs, state.exact.batch_size)
        )

    def passes(self, config: RunConfig, state: RefiningState) -> Passes | None:
        """Those of all stages."""
        first = self.first.passes(config, state.first)
        method = METHODS.load(self.second)
        second = method.cost(read_settings(method.settings, {}, self.second), state.first.graph.spec)
        if first is None or second is None or state.exact is None:
            return None
        patched = Passes(2.0 + float(state.exact.targets.costs.sum()))
        parts = (first, patched) if state.refusal else (first, second, patched)
        return Passes(
            sum(part.forward for part in parts),
            sum(part.backward for part in parts),
            any(part.at_most for part in parts),
        )

    def exact(self, config: RunConfig, state: RefiningState, scores: EdgeScores | NodeScores) -> ExactSummary | None:
        """How many are measured, and how their estimates compare."""
        if scores.verified is None or scores.estimated is None:
            return None
        n, known = int(scores.verified.sum()), int((~np.isnan(scores.values)).sum())
        found = agreement(scores.estimated[scores.verified], scores.values[scores.verified])
        return ExactSummary(
            n,
            known,
            None if state.refusal else self.second,
            found.pearson.value,
            found.spearman.value,
            found.sign_agreement.value,
        )

    def warnings(self, state: RefiningState) -> tuple[str, ...]:
        """Why there were no second estimates."""
        if not state.refusal:
            return ()
        return (f"exact effects are of the largest |score| alone, without second estimates: {state.refusal}",)
