"""Scores of all heads and MLP neurons, from the passes that a method of attribution makes.

    score(n) = sum over pos of (a'_n - a_n) * g_n

an estimate of what L becomes when the activation of ``n`` is replaced by its corrupted value at every position,
minus what it is. ``g`` is the gradient that the method takes: the clean run's (eap), the mean over several runs
(eap-ig-inputs, clean-corrupted, midpoint), or that of a modified backward pass (relp, gim). Arora et al. 2026,
"Language Model Circuits Are Sparse in the Neuron Basis" (arXiv:2601.22594), who take RelP's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from edgewise.attribution.loop import checked, rows_at_first
from edgewise.attribution.neuron_pass import NeuronState, ScoreNeurons, over_prompts
from edgewise.engine.gradients.neurons import neuron_scores
from edgewise.engine.gradients.points import ENDS, MIDDLE, riemann
from edgewise.engine.rules.modified import Gim, RelP
from edgewise.engine.rules.neurons import ruled_neuron_scores
from edgewise.engine.run.inputs import AnyMetric
from edgewise.errors import SettingError
from edgewise.generators import at_the_end_of
from edgewise.graph.neurons import NeuronScores
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.models.neurons import neuron_graph
from edgewise.settings.conditions import Conditions
from edgewise.settings.read import read_settings
from edgewise.tasks import PromptPair, PromptSet

# Method -> from its settings to how it scores a micro-batch.
_SCORES: dict[str, Callable[[Any], ScoreNeurons]] = {
    "eap": lambda settings: neuron_scores,
    "eap-ig-inputs": lambda settings: partial(neuron_scores, points=riemann(settings.steps, settings.rule)),
    "clean-corrupted": lambda settings: partial(neuron_scores, points=ENDS),
    "midpoint": lambda settings: partial(neuron_scores, points=MIDDLE),
    "relp": lambda settings: partial(ruled_neuron_scores, rules=RelP()),
    "gim": lambda settings: partial(ruled_neuron_scores, rules=Gim()),
}
NEURON_METHODS = tuple(_SCORES)
"""The methods that score neurons."""
WITH_CORRUPTED = 1.3
"""Times the memory of a differentiable run: the corrupted activations are kept beside it."""


@one_at_a_time
def attribute_neurons(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    *,
    method: str = "eap",
    settings: Mapping[str, Any] | None = None,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[NeuronState]:
    """Score every head and neuron: yields the state after every micro-batch, the last one finished.

    A stored state that is finished is yielded again.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; the same ones in the same order when a pass is resumed.
        method: a name in ``NEURON_METHODS``.
        settings: the method's own, such as ``{"steps": 10}``; its defaults where none are given.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier pass stopped; None to begin.

    Raises:
        SettingError: a method that scores no neurons, or a setting that it does not have.
        UnsupportedModelError: a model without MLPs, or with experts.
        DataError: a prompt the model cannot take.
        MemoryLimitError: the memory is too little for one prompt.
        MetricError: a metric that cannot be computed on these prompts, or whose gradient vanishes.
        ScoreError: logits or scores that are not finite.
    """
    require_scores_neurons(method)
    chosen, measured, pairs = checked(model, prompts, method, metric)
    score = _SCORES[method](read_settings(chosen.settings, settings or {}, method))
    graph = neuron_graph(model)
    if stored is None:
        rows = rows_at_first(model, pairs, conditions, WITH_CORRUPTED * chosen.activations)
        state = NeuronState.start(graph, rows, len(pairs), (graph.n_nodes,))
    else:
        state = NeuronState.from_tensors(stored, graph)
    yield from over_prompts(model, pairs, measured, score, state)


@at_the_end_of(attribute_neurons)
def estimate_neurons(last: NeuronState) -> NeuronScores:
    """Estimate what replacing each head and each MLP neuron by its corrupted activation would do to the metric.

    Returns:
        Mean, standard error and mean of absolutes over prompts, of every node.
    """
    return last.scores()


def require_scores_neurons(method: str) -> None:
    """Refuse a method that does not score neurons. Raises SettingError."""
    if method not in _SCORES:
        raise SettingError(f"method '{method}' scores no neurons; use one of {', '.join(NEURON_METHODS)}")
