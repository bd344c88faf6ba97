"""How much of a behaviour a circuit of heads and neurons keeps: all other heads and neurons carry their corrupted
activations, at every position; the embedding is the clean prompt's.

    f(C) = (m(C) - m(empty)) / (m(full) - m(empty))

``m`` the mean over prompts of the metric, ``empty`` the run in which no head and no neuron is kept. In the curve of
neurons alone every head is kept, and ``empty`` is the run in which all heads and no neuron is: the question of Marks et
al. 2025 and Arora et al. 2026, of how few neurons are enough. Where heads alone keep nearly all, it has no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.errors import ScoreError, SelectionError
from edgewise.evaluation import measures
from edgewise.evaluation.circuit_runs import CORRECT, KL, METRIC
from edgewise.evaluation.measures import Values
from edgewise.evaluation.neuron_circuits import (
    CIRCUIT,
    COMPLEMENT,
    EMPTY,
    HEADS,
    NEURONS,
    NODES,
    WITH_HEADS,
    KeyedMasks,
    NeuronCircuits,
)
from edgewise.evaluation.neuron_result import KeptNeurons, NeuronCurve, NeuronEvaluation, NeuronPoint
from edgewise.evaluation.neuron_runs import NeuronRuns
from edgewise.evaluation.result import Measured, Spread
from edgewise.generators import at_the_end_of
from edgewise.graph.neurons import NeuronCircuit, NeuronScores
from edgewise.graph.scores import Ranking
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.models.neurons import neuron_graph
from edgewise.search.table.cells import Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import OnTable
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True, eq=False)
class NeuronEvaluationState(OnTable):
    """Where an evaluation stands, in runs of one prompt.

    Args:
        circuits: what is run.
        metric: the metric's name.
        table: the numbers so far.
    """

    circuits: NeuronCircuits
    metric: str
    table: Table

    def result(self) -> NeuronEvaluation:
        """The evaluation that a finished state holds. Raises ScoreError for an unfinished one."""
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} runs are done; finish the evaluation first")
        return _Found(self).evaluation()


@one_at_a_time
def evaluating_neurons(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    circuit: NeuronCircuit,
    *,
    scores: NeuronScores | None = None,
    by: Ranking = "abs",
    random: int = 0,
    seed: int = 0,
    metric: AnyMetric | None = None,
    conditions: Conditions = Conditions(),
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[NeuronEvaluationState]:
    """Measure a circuit of heads and neurons: yields the state before the first run and after every one.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts, best others than the circuit was found on.
        circuit: what is kept.
        scores: of every node: also evaluate the best ones, and the best neurons beside all heads, at ten sizes.
        by: what they are ranked by.
        random: number of random circuits at each of them.
        seed: of the random circuits.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.
        stored: the tensors of the state at which an earlier process stopped; None to begin.

    Raises:
        SelectionError: a circuit or scores of another model.
        UnsupportedModelError: a model without MLPs, or with experts.
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: numbers that are not finite.
    """
    graph = neuron_graph(model)
    for what, given, kind in (("circuit", circuit, NeuronCircuit), ("scores", scores, NeuronScores)):
        if given is not None and not isinstance(given, kind):
            raise SelectionError(f"{what} is of the kind {type(given).__name__}; give a {kind.__name__}")
        if given is not None and given.graph != graph:
            raise SelectionError(
                f"{what} is of a model of {given.graph.n_heads:,} heads and {given.graph.n_neurons:,} neurons, and this"
                f" one has {graph.n_heads:,} and {graph.n_neurons:,}; give its own"
            )
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    circuits = NeuronCircuits(circuit, scores, by, random, seed)
    kept = KeyedMasks(tuple(circuits.masks().items()))
    work = NeuronRuns(model, measured, kept, all(pair.answers for pair in pairs))
    table = start(model, pairs, work, conditions, stored)
    yield NeuronEvaluationState(circuits, measured.name, table)
    for filled in fill(model, pairs, work, table):
        yield NeuronEvaluationState(circuits, measured.name, filled)


@at_the_end_of(evaluating_neurons)
def evaluate_neurons(last: NeuronEvaluationState) -> NeuronEvaluation:
    """Measure how much of a behaviour a circuit of heads and neurons keeps, all others at corrupted activations.

    Returns:
        Means over prompts of metric, KL and accuracy, and faithfulness with its standard error.
    """
    return last.result()


class _Found:
    """A full table read by circuit."""

    def __init__(self, state: NeuronEvaluationState) -> None:
        self._state, self._table, self._circuits = state, state.table, state.circuits
        self._masks = self._circuits.masks()
        self._numbers = {key: number for number, key in enumerate(self._masks)}

    def evaluation(self) -> NeuronEvaluation:
        circuits = self._circuits
        return NeuronEvaluation(
            self._state.metric,
            self._table.n_prompts,
            self._measured(None),
            self._measured((EMPTY,)),
            self._kept((CIRCUIT,)),
            self._kept((COMPLEMENT,)),
            self._kept((HEADS,)),
            self._kept((WITH_HEADS,)),
            () if circuits.scores is None else (self._curve(NODES, (EMPTY,)), self._curve(NEURONS, (HEADS,))),
        )

    def _values(self, key: tuple[Any, ...] | None, name: str = METRIC) -> Values:
        if key is None:
            return self._table.of_prompts[name]
        return self._table.values[name][:, self._numbers[key]]

    def _measured(self, key: tuple[Any, ...] | None) -> Measured:
        accuracy = float(self._values(key, CORRECT).mean()) if CORRECT in self._table.values else None
        return Measured(*measures.mean(self._values(key)), float(self._values(key, KL).mean()), accuracy)

    def _faithfulness(self, key: tuple[Any, ...], empty: tuple[Any, ...]) -> tuple[float | None, float | None]:
        return measures.faithfulness(self._values(key), self._values(None), self._values(empty))

    def _kept(self, key: tuple[Any, ...], empty: tuple[Any, ...] = (EMPTY,)) -> KeptNeurons:
        circuit = NeuronCircuit(self._circuits.circuit.graph, self._masks[key])
        return KeptNeurons(circuit.n_heads, circuit.n_neurons, self._measured(key), *self._faithfulness(key, empty))

    def _curve(self, what: str, empty: tuple[Any, ...]) -> NeuronCurve:
        points = tuple(
            NeuronPoint(size, self._kept((what, size), empty), self._random(what, size, empty))
            for size in self._circuits.sizes(what)
        )
        return NeuronCurve(what, self._kept(empty, empty), points)

    def _random(self, what: str, size: int, empty: tuple[Any, ...]) -> Spread | None:
        keys = [key for key in self._masks if key[:2] == (what, size) and len(key) > 2]
        found = [f for key in keys if (f := self._faithfulness(key, empty)[0]) is not None]
        return Spread(sum(found) / len(found), min(found), max(found)) if found else None
