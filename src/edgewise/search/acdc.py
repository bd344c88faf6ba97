"""ACDC: edges are removed one after another, from the output back, wherever that changes the metric by less than tau.

Conmy et al. (2023), algorithm 1, as their code runs it. With ``loss`` the metric, or minus the metric where higher is
better, an edge is removed if

    loss(circuit without it) - loss(circuit) < tau

strictly, with its sign (or by its size, on request); the loss of the circuit is that after the last removal. A node
that nobody reads any more loses its incoming edges untested.

The next few edges into a destination are tried together, each without those before it too, and accepted up to the first
that fails: the result is that of one at a time. How many follows from how many were accepted last, so the same run
tries the same ones whenever it is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from edgewise.engine.batches import Batch, arrange, take
from edgewise.engine.incremental import RunningCircuit, Trial
from edgewise.engine.memory import MOST_TOKENS, MOST_TOKENS_ELSEWHERE, micro_batch
from edgewise.engine.metric_gradient import metric_values, require_finite
from edgewise.engine.replacement import corrupted_run, resample_from
from edgewise.errors import DataError
from edgewise.graph import Circuit, EdgeScores, Graph
from edgewise.metrics import Metric, get_metric
from edgewise.models import Model
from edgewise.search.order import destinations_from_the_output, sources_from_late
from edgewise.tasks import PromptPair, PromptSet

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One tested edge.

    Args:
        source: its row.
        destination: its column.
        before: the metric of the circuit before.
        after: the metric without the edge.
        kept: whether it stays.
    """

    source: int
    destination: int
    before: float
    after: float
    kept: bool


@dataclass(frozen=True, eq=False)
class AcdcState:
    """Where a search stands.

    Args:
        graph: the model's graph.
        tau: the threshold.
        trace: the edges tested so far, in order.
        visited: destinations done, in the order of `destinations_from_the_output`.
        at_once: edges that are tried together next.
        current: the metric of the present circuit.
        clean: the metric of the whole model.
        passes: runs of all prompts so far, whatever their length.
    """

    graph: Graph
    tau: float
    trace: tuple[Step, ...] = ()
    visited: int = 0
    at_once: int = 1
    current: float = float("nan")
    clean: float = float("nan")
    passes: int = 0
    kept: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))

    @property
    def finished(self) -> bool:
        """Whether every destination was visited."""
        return self.visited == self.graph.n_destinations

    def circuit(self) -> Circuit:
        """The edges kept."""
        return Circuit(self.graph, self.kept)

    def scores(self) -> EdgeScores:
        """The change of the metric when each edge was tested, NaN where it never was."""
        values = np.full(self.graph.mask.shape, np.nan)
        for step in self.trace:
            values[step.source, step.destination] = step.after - step.before
        return EdgeScores(self.graph, values, allow_unscored=True)


def acdc(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    tau: float,
    *,
    metric: str | Metric | Callable[..., Any] = "kl",
    absolute: bool = False,
    batch_size: int | None = None,
    max_memory: int | None = None,
) -> AcdcState:
    """Run ACDC to its end.

    Args:
        model: a loaded model, in evaluation mode; it is untouched afterwards.
        prompts: pairs of clean and corrupted prompts; removed edges carry corrupted values.
        tau: the threshold, in units of the metric.
        metric: ``kl`` or any other; where higher is better its negative is the loss.
        absolute: compare the size of the change with tau.
        batch_size: prompts a run; by default what memory allows.
        max_memory: bytes that the process may use in all; by default what is free.

    Returns:
        The final state: circuit, scores, and the trace of all tests.
    """
    state: AcdcState | None = None
    for state in search(  # noqa: B007
        model, prompts, tau, metric=metric, absolute=absolute, batch_size=batch_size, max_memory=max_memory
    ):
        pass
    if state is None:
        raise DataError("no prompts were given; give at least one")
    return state


def search(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    tau: float,
    *,
    metric: str | Metric | Callable[..., Any] = "kl",
    absolute: bool = False,
    batch_size: int | None = None,
    max_memory: int | None = None,
) -> Iterator[AcdcState]:
    """`acdc` as a generator: yields the state after every run."""
    measured = get_metric(metric)
    model.require_eval()
    pairs = tuple(prompts)
    rows = micro_batch(model, pairs, max_memory) if batch_size is None else batch_size
    circuits = _Circuits(model, measured, pairs, rows)
    graph = model.graph
    sign = -1.0 if measured.higher_is_better else 1.0
    clean = circuits.now()
    state = AcdcState(graph, tau, current=clean, clean=clean, kept=graph.mask.copy())
    for column in destinations_from_the_output(graph)[state.visited :]:
        removed: list[int] = []
        if circuits.is_read(column):
            waiting = sources_from_late(graph, column)
            while waiting:
                trying = waiting[: min(state.at_once, circuits.most)]
                values = circuits.without(column, removed, trying)
                steps = []
                for source, value in zip(trying, values, strict=True):
                    change = sign * (value - state.current)
                    kept = not (abs(change) if absolute else change) < tau
                    steps.append(Step(source, column, state.current, value, kept))
                    if kept:
                        break
                    removed.append(source)
                    state = replace(state, current=value)
                waiting = waiting[len(steps) :]
                failed = steps[-1].kept
                state = replace(
                    state,
                    trace=(*state.trace, *steps),
                    at_once=max(1, state.at_once // 2) if failed else min(2 * state.at_once, circuits.most),
                    passes=state.passes + len(trying),
                )
                yield state
            circuits.accept(column, removed)
            state.kept[removed, column] = False
        else:
            circuits.drop(column)
            state.kept[:, column] = False
        state = replace(state, visited=state.visited + 1)
    yield state


class _Circuits:
    """The present circuit on every micro-batch of the prompts."""

    def __init__(self, model: Model, metric: Metric, pairs: Sequence[PromptPair], rows: int) -> None:
        self._metric = metric
        self._parts: list[tuple[Batch, RunningCircuit, torch.Tensor]] = []
        causal = model.wiring.causal
        order, done = arrange(pairs, causal=causal), 0
        while done < len(pairs):
            taken = take(order, pairs, done, rows, causal=causal)
            batch = Batch.of([pairs[i] for i in taken], model.device, causal=causal)
            outputs, _, cache = corrupted_run(model, batch)
            running = RunningCircuit(model, resample_from(batch, outputs, cache))
            self._parts.append((batch, running, running.logits))
            done += len(taken)
        self._n_prompts = len(pairs)
        tokens = max(batch.clean.numel() for batch, _, _ in self._parts)
        self.most = max(1, MOST_TOKENS.get(model.device.type, MOST_TOKENS_ELSEWHERE) // tokens)

    def now(self) -> float:
        """The metric of the present circuit."""
        total = 0.0
        for batch, running, clean in self._parts:
            values = metric_values(self._metric, running.logits, batch.metric, clean)
            require_finite(self._metric, values)
            total += float(values.double().sum())
        return total / self._n_prompts

    def is_read(self, column: int) -> bool:
        """Whether any kept edge leads on from a destination's node."""
        return self._parts[0][1].is_read(column)

    def without(self, column: int, removed: Sequence[int], more: Sequence[int]) -> list[float]:
        """The metric without some sources of a destination, and the first one, two, ... of more."""
        totals = np.zeros(len(more))
        for batch, running, clean in self._parts:
            for number, logits in enumerate(running.trial(column, removed, more).logits):
                totals[number] += float(metric_values(self._metric, logits, batch.metric, clean).double().sum())
        return [float(total) for total in totals / self._n_prompts]

    def accept(self, column: int, removed: Sequence[int]) -> None:
        """Remove edges into a destination for good."""
        if removed:
            for _, running, _ in self._parts:
                trial: Trial = running.trial(column, removed)
                running.accept(trial)

    def drop(self, column: int) -> None:
        """Remove all edges into a destination that nobody reads."""
        for _, running, _ in self._parts:
            running.drop(column)
