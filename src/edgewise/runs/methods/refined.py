"""An attribution method some of whose estimates are measured by exact patching: ``eap+exact``, ``--exact N``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from edgewise.attribution import METHODS
from edgewise.engine.run.passes import Passes
from edgewise.errors import RunError
from edgewise.evaluation.agreement import agreement
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.graph.stated_error import StatedError
from edgewise.methods import estimate_of
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods.attribution import Estimating
from edgewise.runs.methods.method import RunMethod, scoring
from edgewise.runs.methods.work import Estimate, Patches, Work
from edgewise.runs.resume import Tensors
from edgewise.runs.steps import SCORING
from edgewise.runs.store.record import ExactSummary
from edgewise.search.exact.refining import refining
from edgewise.search.exact.refining_state import RefiningState
from edgewise.search.exact.second import how_many, second_of
from edgewise.search.exact.spending import Spending, forward_passes
from edgewise.search.exact.targets import cost_of
from edgewise.search.pace import seconds_a_prompt
from edgewise.settings import read_settings
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet

FIRST = 100
"""How many of the largest are to be found; a fifth of all at most."""


class Refined(RunMethod[RefiningState]):
    """Estimates of all, second estimates of all on some prompts, and exact effects of some."""

    def __init__(self, name: str) -> None:
        """Wrap the attribution method of that name, with or without ``+exact``."""
        self.first, self.second = Estimating(name), second_of(estimate_of(name))
        if self.first.no_estimates:
            raise RunError(f"method '{self.first.name}' {self.first.no_estimates}; leave --exact and +exact out")
        self.name, self.settings, self.by_gradient = name, self.first.settings, self.first.by_gradient
        self.by_place, self.by_reader = self.first.by_place, self.first.by_reader
        self.summary = f"{estimate_of(name)}, then exact effects of the edges that matter most and are least certain"

    def states(
        self, config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions, stored: Tensors | None
    ) -> Iterator[RefiningState]:
        """One state a micro-batch, and then a chunk of prompts and edges."""
        return refining(
            model,
            prompts,
            spending_of(config) or Spending(),
            method=estimate_of(self.name),
            settings=config.settings,
            stored=stored,
            **scoring(config, conditions),
        )

    def stage(self, state: RefiningState) -> str:
        """Which of the three."""
        if not state.exact:
            return SCORING if state.second is None else f"{SCORING} by {self.second}"
        number = f", round {len(state.exact)}" if len(state.exact) > 1 else ""
        return f"measuring exact effects, {len(state.exact[-1].targets):,} in all{number}"

    def total(self, prompts: PromptSet) -> int:
        """The prompts, of the first stage."""
        return self.first.total(prompts)

    def pace(self, config: RunConfig, model: Model, prompts: PromptSet) -> Callable[[RefiningState], float | None]:
        """Seconds a prompt takes, by a run of a few, where exact effects begin."""
        return lambda state: seconds_a_prompt(model, prompts.pairs, state.exact[-1].batch_size) if state.exact else None

    def passes(self, config: RunConfig, state: RefiningState) -> Passes | None:
        """Those of all stages."""
        first = self.first.passes(config, state.first)
        method = METHODS.load(self.second)
        second = method.cost(read_settings(method.settings, {}, self.second), state.first.graph.spec)
        if first is None or second is None:
            return None
        share = 0.0 if state.second is None else state.second.total / state.first.total
        patched = sum(2.0 + float(part.targets.costs.sum()) for part in state.exact)
        return Passes(
            first.forward + share * second.forward + patched,
            first.backward + share * second.backward,
            first.at_most or second.at_most,
        )

    def work(self, config: RunConfig, graph: Graph, prompts: PromptSet) -> tuple[Work, ...]:
        """Estimates, second ones on some prompts, and as many patched runs as may be paid for."""
        chosen, spending = get_metric(self.metric(config, prompts)), spending_of(config) or Spending()
        flat = chosen.flat_at_clean and not METHODS.load(estimate_of(self.name)).beyond_clean
        first = Estimate(self.second if flat else estimate_of(self.name), len(prompts), {} if flat else config.settings)
        seconds = () if flat else (Estimate(self.second, how_many(len(prompts))),)
        costs = [_cost(one, graph, len(prompts)) for one in (first, *seconds)]
        last = spending.rounds(costs[0], sum(costs[1:]), graph.n_edges)[-1]
        every = self.scored(config, graph)
        mean, spent = cost_of(graph, every) / every.sum(), last.certain + last.drawn
        runs, passed = (spent, spent * mean) if last.by_number else (spent / mean, spent)
        return (first, *seconds, Patches(float(runs), float(passed), at_most=spending.until is not None))

    def exact(self, state: RefiningState, scores: EdgeScores | NodeScores) -> ExactSummary | None:
        """How many are measured, how their estimates compare, and how wrong the others can be."""
        if scores.verified is None or scores.estimated is None or state.choice is None:
            return None
        n, known = int(scores.verified.sum()), int((~np.isnan(scores.values)).sum())
        k = min(FIRST, known // 5)
        found, said = agreement(scores.estimated[scores.verified], scores.values[scores.verified]), state.stated()
        return ExactSummary(
            n,
            known,
            None if state.second is None else self.second,
            found.pearson.value,
            found.spearman.value,
            found.sign_agreement.value,
            int(state.choice.drawn.sum()),
            None if said is None else said.r2,
            None if said is None else said.r2_low,
            state.method,
            k,
            state.recall(k),
        )

    def warnings(self, state: RefiningState) -> tuple[str, ...]:
        """Why there were no second estimates, and that a goal was not reached."""
        refused = (state.refusal,) if state.refusal else ()
        return refused if state.goal is None else (*refused, *_unreached(state.goal, state.stated()))


def _unreached(goal: float, said: StatedError | None) -> tuple[str, ...]:
    """That a goal was not reached, and what was."""
    if said is not None and said.r2_low >= goal:
        return ()
    least = "nothing can be said of it" if said is None or said.r2_low <= 0 else f"it is at least {said.r2_low:.3f}"
    return (f"--until r2={goal:g} is not reached: where the budget ends, {least}; give a larger --budget",)


def _cost(one: Estimate, graph: Graph, prompts: int) -> float:
    """What an estimate takes, in forward passes of all prompts."""
    method = METHODS.load(one.method)
    own = read_settings(method.settings, one.settings, one.method)
    return forward_passes(method.cost(own, graph.spec), one.prompts / prompts)


def spending_of(config: RunConfig) -> Spending | None:
    """How many edges a config has measured; None for none."""
    return Spending.asked(config.method, config.exact, config.budget, config.until)
