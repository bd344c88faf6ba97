"""Evaluating a circuit: the whole model, nothing, the circuit and its complement, and whatever else is asked for.

1. What patched edges carry: the corrupted run, nothing, or means over the clean prompts, which are made once.
2. A micro-batch of prompts is run with nothing patched, then with every edge patched that is outside each circuit.
   Circuits are taken as given: an edge that leads nowhere is kept and counts; the best edges are pruned on request.
3. The table of metric, KL and accuracy by prompt and circuit becomes means, standard errors and shares.

A circuit and its complement, faithfulness and completeness: Wang et al. 2023 (IOI), section 4; the normalised form, the
sizes and the areas: Mueller et al. 2025 (MIB), section 3.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy.typing as npt
import torch

from edgewise.engine.run.batches import divide
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.memory import halving
from edgewise.engine.run.references import with_references
from edgewise.evaluation.ablation import baselines
from edgewise.evaluation.circuit_runs import KL, CircuitRuns
from edgewise.evaluation.circuits import EMPTY, Circuits
from edgewise.evaluation.result import Evaluation
from edgewise.evaluation.sizes import Ladder
from edgewise.evaluation.summary import summary
from edgewise.generators import last_of
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.graph.same import require_same
from edgewise.graph.scores import Ranking
from edgewise.models import Model
from edgewise.search.table.cells import Table
from edgewise.search.table.fill import fill, start
from edgewise.search.table.tabled import OnTable
from edgewise.settings.conditions import Conditions
from edgewise.settings.evaluation import Ablation, EvaluationRequest
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True, eq=False)
class EvaluationState(OnTable):
    """Where an evaluation stands, in runs of one prompt.

    Args:
        table: the numbers so far.
    """

    table: Table


class Evaluator:
    """One evaluation: what is run, and what becomes of the numbers.

    Args:
        model: the model.
        prompts: the prompts, the same in the same order when an evaluation is resumed.
        circuit: the edges kept.
        wanted: what is measured.
        metric: the metric; the prompt set's own by default.
        scores: to rank edges (or nodes) by, for the curve.
        by: the ranking.

    Raises:
        SelectionError: a circuit or scores of another graph.
        EdgewiseError: prompts or a metric that cannot be used.
    """

    def __init__(
        self,
        model: Model,
        prompts: PromptSet | Sequence[PromptPair],
        circuit: Circuit,
        wanted: EvaluationRequest,
        *,
        metric: AnyMetric | None = None,
        scores: EdgeScores | NodeScores | None = None,
        by: Ranking = "abs",
    ) -> None:
        """Check what is given."""
        graph = graph_for(model, prompts)
        for what, given in (("circuit", circuit), ("scores", scores)):
            if given is not None:
                require_same(what, given.graph, graph)
        self.metric = metric_for(prompts, metric)
        self._model, self._pairs = model, usable(model, prompts, self.metric)
        ladder, self._no_curve = _ladder(wanted, scores, by)
        self.circuits = Circuits(circuit, wanted, ladder)
        # By the micro-batch that means are taken in, each made once.
        self._works: dict[int, CircuitRuns] = {}

    def states(
        self,
        *,
        conditions: Conditions = Conditions(),
        stored: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> Iterator[EvaluationState]:
        """Measure everything: yields the state before the first run and after every one, the last one finished.

        Args:
            conditions: how much is run at a time, `Conditions`; by default what memory allows.
            stored: the tensors of the state at which an earlier process stopped; None to begin.
        """
        table = start(self._model, self._pairs, self._work(1), conditions, stored)
        yield EvaluationState(table)
        for filled in fill(self._model, self._pairs, self._work(table.planned_batch_size), table):
            yield EvaluationState(filled)

    def seconds_a_run(self, state: EvaluationState) -> float:
        """Seconds that a patched run of one prompt takes here: that of the empty circuit, run once and timed."""
        work = self._work(state.table.planned_batch_size)
        return halving(state.table.batch_size, self._model.device, partial(self._seconds, work))

    def _seconds(self, work: CircuitRuns, size: int) -> float:
        with torch.no_grad():
            rows, batch = next(divide(self._pairs, size, self._model.device, causal=self._model.wiring.causal))
            opened = work.open(with_references(self._model, batch, self.metric))
            begun = time.perf_counter()
            opened.measure([self.circuits.numbers[EMPTY]])[KL].cpu()
        return (time.perf_counter() - begun) / len(rows)

    def result(self, state: EvaluationState) -> Evaluation:
        """The evaluation that a finished state holds. Raises ScoreError for an unfinished one."""
        return summary(state.table, self.circuits, self.metric.name, self._no_curve)

    def _work(self, mean_batch_size: int) -> CircuitRuns:
        if mean_batch_size not in self._works:
            ablation = self.circuits.wanted.ablation
            open_baseline = baselines(self._model, self._pairs, ablation, mean_batch_size)
            with_accuracy = all(pair.answers for pair in self._pairs)
            self._works[mean_batch_size] = CircuitRuns(
                self._model, self.metric, self.circuits, open_baseline, with_accuracy
            )
        return self._works[mean_batch_size]


def evaluate_circuit(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    circuit: Circuit,
    *,
    ablation: Ablation = "resample",
    metric: AnyMetric | None = None,
    scores: EdgeScores | NodeScores | None = None,
    by: Ranking = "abs",
    curve: bool = True,
    random: int = 3,
    seed: int = 0,
    minimality: bool = False,
    pruned: bool = False,
    conditions: Conditions = Conditions(),
) -> Evaluation:
    """Measure how much of a behaviour a circuit keeps when every edge outside it is patched.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts, best others than the circuit was found on:
            ``make_task(..., split="held-out")``.
        circuit: the edges kept; never pruned.
        ablation: what patched edges carry: ``"resample"`` (the paired corrupted prompt's value), ``"zero"``, ``"mean"``
            (over all positions of these clean prompts) or ``"mean-positional"``.
        metric: a metric's name, a ``Metric``, or a function of (logits ``[batch, n_positions, vocab]``, batch) to
            ``[batch]``; the prompt set's own by default.
        scores: of every edge (or node): also evaluate the best ones at ten sizes.
        by: what they are ranked by.
        curve: False leaves these sizes out.
        random: number of random circuits at each of them.
        seed: of the random circuits.
        minimality: also remove each edge of the circuit in turn.
        pruned: take out, at each of these sizes, what lies on no path from `input` to `logits`.
        conditions: how much is run at a time, `Conditions`; by default what memory allows.

    Returns:
        Means over prompts of metric, KL and accuracy, faithfulness and completeness with standard errors, and the rest.

    Raises:
        UnknownNameError: no such ablation or metric.
        SelectionError: a circuit or scores of another graph.
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: numbers that are not finite.
    """
    wanted = EvaluationRequest(ablation, curve, random, seed, minimality, pruned)
    evaluator = Evaluator(model, prompts, circuit, wanted, metric=metric, scores=scores, by=by)
    return evaluator.result(last_of(evaluator.states(conditions=conditions)))


def _ladder(
    wanted: EvaluationRequest, scores: EdgeScores | NodeScores | None, by: Ranking
) -> tuple[Ladder | None, str | None]:
    """The circuits of growing size, or why there are none."""
    if not wanted.curve:
        return None, "not asked for"
    if scores is None:
        return None, "there are no scores to rank edges by"
    ladder = Ladder(replace(scores, allow_unscored=True), by, wanted.pruned)
    if ladder.unscored:
        return None, f"{ladder.unscored:,} of {ladder.total:,} {ladder.what} have no score"
    return ladder, None
