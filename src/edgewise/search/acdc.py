"""ACDC: edges are removed one after another, from the output back, wherever that changes the metric by less than tau.

Conmy et al. (2023), algorithm 1, as their code runs it. With ``loss`` the metric, or minus the metric where higher is
better, an edge is removed if

    loss(circuit without it) - loss(circuit) < tau

strictly, with its sign (or by its size, on request); the loss of the circuit is that after the last removal. A node
that nobody reads any more loses its incoming edges untested; a head that scales others of its layer, through a norm
over all of them, counts as read while they are.

The next few edges into a destination are tried together, each without those before it too, and accepted up to the first
that fails: the result is that of one at a time. How many follows from how many were accepted last, so the same run
tries the same ones whenever it is resumed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from edgewise.engine.memory import micro_batch
from edgewise.engine.usable import AnyMetric, metric_for, usable
from edgewise.errors import DataError
from edgewise.models import Model
from edgewise.search.circuits import PresentCircuit
from edgewise.search.order import Visit, sources_from_late
from edgewise.search.trace import WHOLE, AcdcState, Step
from edgewise.tasks import PromptPair, PromptSet


def acdc(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    tau: float,
    *,
    metric: AnyMetric = "kl",
    absolute: bool = False,
    direct_edges: bool = False,
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
        direct_edges: as the original does, first test for each layer whether q, k and v of its heads can be patched as
            a whole (v of all heads, then k, then q, highest head first); one that can loses all its edges untested.
        batch_size: prompts a run; by default what memory allows.
        max_memory: bytes that the process (on CUDA: this device) may use in all; by default what is free.

    Returns:
        The final state: circuit, scores, and the trace of all tests.

    Raises:
        DataError: a prompt the model cannot take.
        MetricError: a metric that cannot be computed on these prompts.
        ScoreError: logits that are not finite.
    """
    states = search(
        model,
        prompts,
        tau,
        metric=metric,
        absolute=absolute,
        direct_edges=direct_edges,
        batch_size=batch_size,
        max_memory=max_memory,
    )
    (last,) = deque(states, maxlen=1)
    return last


def search(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    tau: float,
    *,
    metric: AnyMetric = "kl",
    absolute: bool = False,
    direct_edges: bool = False,
    batch_size: int | None = None,
    max_memory: int | None = None,
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Iterator[AcdcState]:
    """ACDC (Conmy et al. 2023): edges are removed one by one, from the output back, where that changes little.

    `acdc` as a generator: yields the state before the first run and after every one, the last one finished.

    Args:
        model: see `acdc`, as all that follow.
        prompts: the same prompts in the same order when a search is resumed.
        tau: likewise.
        metric: likewise.
        absolute: likewise.
        direct_edges: likewise.
        batch_size: likewise; a resumed search uses its own.
        max_memory: likewise.
        stored: the tensors of the state at which an earlier search stopped; None to begin.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    if stored is None:
        rows = micro_batch(model, pairs, max_memory) if batch_size is None else batch_size
    else:
        rows = AcdcState.from_tensors(stored, model.graph).batch_size
    if rows < 1:
        raise DataError(f"batch size {rows}: give at least 1")
    circuit = PresentCircuit(model, measured, pairs, rows)
    state = (
        AcdcState(model.graph, circuit.clean_metric, circuit.corrupted_metric, rows, direct_edges)
        if stored is None
        else AcdcState.from_tensors(stored, model.graph)
    )
    searched = _Search(circuit, tau, -1.0 if measured.higher_is_better else 1.0, absolute)
    yield state
    yield from searched.states(state)


class _Search:
    """The rule, applied to one destination after another."""

    def __init__(self, circuit: PresentCircuit, tau: float, sign: float, absolute: bool) -> None:
        self._circuit, self._tau, self._sign, self._absolute = circuit, tau, sign, absolute

    def states(self, state: AcdcState) -> Iterator[AcdcState]:
        # What an earlier search removed is removed again: one run a stop.
        for visit in state.visits[: state.visited]:
            self._leave(visit, state)
        for visit in state.visits[state.visited :]:
            if self._is_open(visit, state):
                for now in self._test(visit, state):
                    state = now
                    yield state
            self._leave(visit, state)
            state = replace(state, visited=state.visited + 1)
        yield state

    def _is_open(self, visit: Visit, state: AcdcState) -> bool:
        """Whether there is anything to test: somebody reads the node, and it was not removed as a whole."""
        return self._circuit.is_read(visit.column) and not state.removed(Visit(visit.column, whole=True))

    def _leave(self, visit: Visit, state: AcdcState) -> None:
        if self._is_open(replace(visit, whole=False), state) or visit.whole:
            self._circuit.remove(visit.column, state.removed(visit))
        else:
            self._circuit.drop(visit.column)

    def _test(self, visit: Visit, state: AcdcState) -> Iterator[AcdcState]:
        """Make the tests of one stop that were not made yet."""
        column, removed = visit.column, state.removed(visit)
        done = {step.source for step in state.tested(visit)}
        every = sources_from_late(state.graph, column)
        waiting = [source for source in ([WHOLE] if visit.whole else every) if source not in done]
        while waiting:
            trying = waiting[: min(state.at_once, self._circuit.most)]
            values = self._circuit.without(column, every if visit.whole else removed, () if visit.whole else trying)
            steps = self._steps(column, state.current, trying, values)
            removed += [step.source for step in steps if not step.kept]
            waiting = waiting[len(steps) :]
            at_once = max(1, state.at_once // 2) if steps[-1].kept else min(2 * state.at_once, self._circuit.most)
            state = replace(state, trace=(*state.trace, *steps), at_once=at_once, runs=state.runs + len(trying))
            yield state

    def _steps(self, column: int, current: float, trying: Sequence[int], values: npt.NDArray[Any]) -> list[Step]:
        """What the tests say, up to the first edge that stays: those after it were tried without it."""
        steps: list[Step] = []
        for source, value in zip(trying, values.tolist(), strict=True):
            change = self._sign * (value - current)
            kept = not (abs(change) if self._absolute else change) < self._tau
            steps.append(Step(source, column, current, value, kept))
            if kept:
                break
            current = value
        return steps
