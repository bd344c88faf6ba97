"""Scores of heads and neurons by a method's name: estimates, or estimates of which the largest are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.attribution.neuron_edges import NeuronEdgeState, attribute_neuron_edges
from edgewise.attribution.neuron_pass import NeuronState
from edgewise.attribution.neurons import attribute_neurons
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import SettingError
from edgewise.generators import at_the_end_of
from edgewise.graph.arrays import BoolArray
from edgewise.graph.neurons import NeuronScores
from edgewise.methods import estimate_of
from edgewise.models import Model
from edgewise.search.exact.neurons import NeuronPatchingState, patching_neurons, with_exact
from edgewise.search.exact.spending import BESIDE, BESIDE_SMALL, EAP, OPENING, SMALL
from edgewise.search.exact.targets import neuron_costs
from edgewise.settings.conditions import Conditions
from edgewise.settings.scoring import DEFAULT_METHOD, WITH_EXACT
from edgewise.settings.texts import AUTO
from edgewise.tasks import PromptPair, PromptSet

_ESTIMATES, _EFFECTS, _EDGES = "estimates.", "effects.", "edges."


@dataclass(frozen=True)
class NeuronScoringState:
    """Where a pass stands: prompts that are scored, then runs with one node replaced, then edges of the best neurons.

    Args:
        estimates: of all nodes.
        effects: of those that are measured; None before the estimates are there, and where none are.
        measures: whether some are.
        edges: of the best neurons; None before all scores are there, and where none are asked for.
        n_edges: of how many neurons they are.
    """

    estimates: NeuronState
    effects: NeuronPatchingState | None = None
    measures: bool = False
    edges: NeuronEdgeState | None = None
    n_edges: int = 0

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        measured = not self.measures or (self.effects is not None and self.effects.finished)
        followed = not self.n_edges or (self.edges is not None and self.edges.finished)
        return self.estimates.finished and measured and followed

    @property
    def at_work(self) -> NeuronState | NeuronPatchingState | NeuronEdgeState:
        """The part that is being done."""
        return self.edges or self.effects or self.estimates

    @property
    def done(self) -> int:
        """Prompts or runs of that part that are done."""
        return self.at_work.done

    @property
    def total(self) -> int:
        """Of how many."""
        return self.at_work.total

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        parts = {_ESTIMATES: self.estimates, _EFFECTS: self.effects, _EDGES: self.edges}
        return {
            f"{kind}{name}": array
            for kind, part in parts.items()
            if part is not None
            for name, array in part.tensors().items()
        }

    def scores(self) -> NeuronScores:
        """The scores of a finished pass. Raises ScoreError for an unfinished one."""
        estimates = self.estimates.scores()
        return estimates if self.effects is None else with_exact(estimates, self.effects.scores())


def scoring_neurons(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    method: str = DEFAULT_METHOD,
    settings: Mapping[str, Any] | None = None,
    exact: int | None = None,
    edges: int = 0,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[NeuronScoringState]:
    """Score every head and every MLP neuron of a model on some prompts.

    A score is, or estimates, ``L(patched) - L(clean)``, L the metric averaged over prompts and the node's activation
    replaced by its corrupted value at every position: negative where the node helps. Its edges are not scored: from
    every neuron to every later one there are about the square of the number of neurons, a billion in a model of 50,000.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        method: ``eap``, ``eap-ig-inputs``, ``clean-corrupted``, ``midpoint``, ``relp`` or ``gim``; with ``+exact``
            behind its name, the neurons and heads of largest estimate are measured, as many of each.
        settings: the method's own, such as ``{"steps": 10}``; its defaults where none are given.
        exact: how many are measured; by default as many as cost what the estimates cost with ``+exact``, else none.
        edges: of how many of the best neurons the edges are scored too, by EAP's gradient.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        UnsupportedModelError: a model without MLPs, or with experts.
        EdgewiseError: no such method or metric, a prompt the model cannot take, a metric whose gradient vanishes.
    """
    measures = require_amount(method, exact)
    asked: dict[str, Any] = {"metric": metric, "conditions": conditions}
    first = attribute_neurons(
        model, prompts, method=estimate_of(method), settings=settings, stored=_part(stored, _ESTIMATES), **asked
    )
    state = None
    for estimates in first:
        state = NeuronScoringState(estimates, None, measures, None, edges)
        yield from _unless_done(state)
    assert state is not None
    if measures:
        chosen = _largest(state.estimates.scores(), exact)
        for effects in patching_neurons(model, prompts, chosen, stored=_part(stored, _EFFECTS), **asked):
            state = replace(state, effects=effects)
            yield from _unless_done(state)
    if edges:
        names = state.scores().top_neurons(edges).names
        for followed in attribute_neuron_edges(model, prompts, names, stored=_part(stored, _EDGES), **asked):
            state = replace(state, edges=followed)
            yield from _unless_done(state)
    yield state


def _unless_done(state: NeuronScoringState) -> Iterator[NeuronScoringState]:
    """The state, but that of a part that ends, after which the next begins."""
    if not state.at_work.finished:
        yield state


@at_the_end_of(scoring_neurons)
def score_neurons(last: NeuronScoringState) -> NeuronScores:
    """Score every head and every MLP neuron of a model on some prompts.

    Returns:
        Mean, standard error and mean of absolutes over prompts of every node, in units of the metric; ``verified`` says
        which are exact, ``estimated`` has the estimates.
    """
    return last.scores()


def require_amount(method: str, exact: int | None) -> bool:
    """Whether any node is measured exactly.

    Args:
        method: a method's name, maybe with ``+exact`` behind it.
        exact: how many were asked for; `AUTO`, or None where nobody said.

    Raises:
        SettingError: less than none.
    """
    if exact is not None and exact < 0 and exact != AUTO:
        raise SettingError(f"--exact is {exact}; give 0 or more")
    return method.endswith(WITH_EXACT) if exact is None else bool(exact)


def _largest(scores: NeuronScores, exact: int | None) -> BoolArray:
    """Those of largest estimate, as many heads as neurons: so many in all, or as cost about what the estimates cost."""
    nodes, order, mask = scores.graph, [at for (at,) in scores.order()], np.zeros(len(scores), dtype=np.bool_)
    heads, neurons = ([at for at in order if nodes.is_neuron[at] == kind] for kind in (False, True))
    turns = [at for pair in zip_longest(neurons, heads) for at in pair if at is not None]
    if exact not in (None, AUTO):
        mask[turns[:exact]] = True
        return mask
    spend = EAP * (BESIDE_SMALL if nodes.n_nodes <= SMALL else BESIDE) - OPENING
    costs = neuron_costs(nodes)[turns]
    mask[turns[: max(1, int((np.cumsum(costs) <= spend).sum()))]] = True
    return mask


def _part(stored: Mapping[str, npt.NDArray[Any]] | None, kind: str) -> dict[str, npt.NDArray[Any]] | None:
    named = {name.removeprefix(kind): array for name, array in (stored or {}).items() if name.startswith(kind)}
    return named or None
