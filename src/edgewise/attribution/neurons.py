"""Scores of all heads and MLP neurons, from the passes that a method of attribution makes.

    score(n) = sum over pos of (a'_n - a_n) * g_n

an estimate of what L becomes when the activation of ``n`` is replaced by its corrupted value at every position,
minus what it is. ``g`` is the gradient that the method takes: the clean run's (eap), the mean over several runs
(eap-ig-inputs, clean-corrupted, midpoint), or that of a modified backward pass (relp, gim). Arora et al. 2026,
"Language Model Circuits Are Sparse in the Neuron Basis" (arXiv:2601.22594), who take RelP's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgewise import processes
from edgewise.attribution.loop import checked, refuse_flat, rows_at_first, say_halved
from edgewise.attribution.moments import Array, Moments
from edgewise.engine.gradients.neurons import NeuronBatchScores, neuron_scores
from edgewise.engine.gradients.points import ENDS, MIDDLE, riemann
from edgewise.engine.rules.modified import Gim, RelP
from edgewise.engine.rules.neurons import ruled_neuron_scores
from edgewise.engine.run.batches import Batch, arrange, share
from edgewise.engine.run.inputs import AnyMetric
from edgewise.engine.run.memory import release
from edgewise.engine.run.metric_gradient import metric_values
from edgewise.engine.run.metric_path import MetricPath
from edgewise.errors import DataError, ScoreError, SettingError
from edgewise.generators import at_the_end_of
from edgewise.graph.neuron_graph import NeuronGraph
from edgewise.graph.neurons import NeuronScores
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.models.neurons import neuron_graph
from edgewise.out_of_memory import is_out_of_memory
from edgewise.settings.conditions import Conditions
from edgewise.settings.read import read_settings
from edgewise.tasks import PromptPair, PromptSet

ScoreNeurons = Callable[[Model, Batch, MetricPath], NeuronBatchScores]

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


@dataclass(frozen=True)
class NeuronState:
    """The sums over the micro-batches done so far.

    Args:
        graph: the heads and neurons.
        batch_size: prompts a micro-batch; a resumed pass uses it again.
        moments: of the per-prompt scores.
        clean_metric: the metric of every prompt on the clean run, ``[total]``, NaN where not yet done.
        corrupted_metric: likewise on the corrupted run.
        steepest: the largest ``|dL/dlogits|`` seen.
    """

    graph: NeuronGraph
    batch_size: int
    moments: Moments
    clean_metric: Array
    corrupted_metric: Array
    steepest: float = 0.0

    @property
    def done(self) -> int:
        """Prompts done."""
        return self.moments.count

    @property
    def total(self) -> int:
        """Prompts in all."""
        return len(self.clean_metric)

    @property
    def finished(self) -> bool:
        """Whether every prompt is done."""
        return self.done == self.total

    def after(
        self, rows: list[int], scores: npt.NDArray[Any], clean: Array, corrupted: Array, steepest: float
    ) -> NeuronState:
        """The state after one more micro-batch: ``scores`` are ``[batch, n_nodes]``."""
        metrics = [values.copy() for values in (self.clean_metric, self.corrupted_metric)]
        metrics[0][rows], metrics[1][rows] = clean, corrupted
        moments, most = self.moments.add(scores), max(self.steepest, steepest)
        return NeuronState(self.graph, self.batch_size, moments, metrics[0], metrics[1], most)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        return {
            "progress": np.array([self.batch_size, self.done], dtype=np.int64),
            "steepest": np.array([self.steepest]),
            "mean": self.moments.mean,
            "squares": self.moments.squares,
            "mean_abs": self.moments.mean_abs,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: NeuronGraph) -> NeuronState:
        """The state that `tensors` described."""
        batch_size, done = (int(number) for number in arrays["progress"])
        moments = Moments(done, arrays["mean"], arrays["squares"], arrays["mean_abs"])
        metrics = arrays["clean_metric"], arrays["corrupted_metric"]
        return cls(graph, batch_size, moments, *metrics, float(arrays["steepest"][0]))

    def scores(self) -> NeuronScores:
        """The scores of a finished pass: mean over prompts, standard error, mean of absolutes.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are scored; finish the pass first")
        moments = self.moments
        return NeuronScores(
            self.graph, moments.mean, stderr=moments.stderr(), mean_abs=moments.mean_abs, n_prompts=self.total
        )


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
    state = _begin(model, pairs, conditions, chosen.activations, stored)
    causal = model.wiring.causal
    order = arrange(pairs, causal=causal)
    if state.finished:
        yield state
    while not state.finished:
        parts = share(order, pairs, state.done, state.batch_size, processes.size(), causal=causal)
        own = parts[processes.rank()] if processes.rank() < len(parts) else []
        most = max(map(len, parts))
        try:
            with torch.inference_mode(False), torch.autocast(model.device.type, enabled=False):
                scored = processes.each(partial(_step, model, pairs, own, score, measured))
        except (RuntimeError, MemoryError) as error:
            if most == 1 or not is_out_of_memory(error):
                raise
            state = replace(state, batch_size=(most + 1) // 2)
        else:
            for part in filter(None, scored):
                state = state.after(*part)
            if state.finished:
                refuse_flat(measured, state.steepest)
            yield state
            continue
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(model.device)
        say_halved(most, state.batch_size)


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


def _begin(
    model: Model,
    pairs: Sequence[PromptPair],
    conditions: Conditions,
    activations: float,
    stored: Mapping[str, npt.NDArray[Any]] | None,
) -> NeuronState:
    graph = neuron_graph(model)
    if stored is None:
        unknown = np.full(len(pairs), np.nan)
        rows = rows_at_first(model, pairs, conditions, activations)
        return NeuronState(graph, rows, Moments.none((graph.n_nodes,)), unknown, unknown)
    state = NeuronState.from_tensors(stored, graph)
    if state.total != len(pairs):
        raise DataError(f"the stored state is of {state.total} prompts, but {len(pairs)} were given; begin again")
    return state


Part = tuple[list[int], npt.NDArray[np.floating[Any]], Array, Array, float]


def _step(
    model: Model, pairs: Sequence[PromptPair], rows: list[int], score: ScoreNeurons, metric: Metric
) -> Part | None:
    """What `NeuronState.after` takes of one micro-batch; None of none."""
    if not rows:
        return None
    batch = Batch.of([pairs[i] for i in rows], model.device, causal=model.wiring.causal)
    path = MetricPath(metric, batch.metric)
    scored = score(model, batch, path)
    clean, corrupted = (
        metric_values(metric, logits, batch.metric, scored.clean_logits).double().cpu().numpy()
        for logits in (scored.clean_logits, scored.corrupted_logits)
    )
    return rows, scored.nodes.cpu().numpy(), clean, corrupted, path.steepest
