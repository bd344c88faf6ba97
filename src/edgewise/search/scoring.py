"""Scores of all edges by a method's name: estimates, or estimates of which some are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewise.attribution import estimate_edges
from edgewise.engine.run.inputs import AnyMetric
from edgewise.generators import last_of
from edgewise.graph import EdgeScores, NodeScores
from edgewise.methods import estimate_of
from edgewise.models import Model
from edgewise.search.exact.refining import refining
from edgewise.search.exact.spending import Spending
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import DEFAULT_METHOD, Level
from edgewise.tasks import PromptPair, PromptSet


def score_edges(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    method: str = DEFAULT_METHOD,
    settings: Mapping[str, Any] | None = None,
    exact: int | None = None,
    budget: float | None = None,
    until: float | None = None,
    metric: AnyMetric | None = None,
    level: Level = "edge",
    per_prompt: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
    conditions: Conditions = Conditions(),
) -> EdgeScores | NodeScores:
    """Score every edge of a model's graph on some prompts.

    A score is, or estimates, ``L(patched) - L(clean)``, L the metric averaged over prompts: negative where the edge
    helps.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts.
        method: one that estimates; with ``+exact`` behind its name, the edges that matter most and are least certain
            are measured.
        settings: the method's own, such as ``{"steps": 10}``; its defaults where none are given.
        exact: how many are measured; by default as many as cost what the estimates cost with ``+exact``, else none.
        budget: what everything may cost together, in times of EAP, in the place of that number.
        until: measure on until R squared is at least this with 90 % confidence, or the budget ends.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        level: ``"edge"``, or ``"node"`` for node attribution patching.
        per_prompt: keep every prompt's own scores too.
        bootstrap: keep the means over so many resamples of the prompts too.
        seed: of these resamples, and of the lot that draws what is measured.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.

    Returns:
        Mean, standard error and mean of absolutes over prompts, per edge (or per node), in units of the metric;
        ``verified`` says which are exact, ``estimated`` has the estimates.

    Raises:
        EdgewiseError: no such method or metric, a prompt the model cannot take, a budget that is too small, a metric
            whose gradient vanishes.
    """
    asked: dict[str, Any] = {
        "settings": settings,
        "metric": metric,
        "level": level,
        "per_prompt": per_prompt,
        "bootstrap": bootstrap,
        "seed": seed,
        "conditions": conditions,
    }
    spending = Spending.asked(method, exact, budget, until)
    if spending is None:
        return estimate_edges(model, prompts, method=estimate_of(method), **asked)
    return last_of(refining(model, prompts, spending, method=estimate_of(method), **asked)).scores()
