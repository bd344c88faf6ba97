"""ACDC with several thresholds at once, each with the result of a search of its own.

Two searches that begin with one circuit are the same search up to the first test that they judge differently: there the
circuit's values are kept, and they go on one after the other. A search does not know of the others, so it makes the
same runs, and ends with the same bits, whether it is alone, among others, or resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise import processes
from edgewise.engine.partial.circuit_values import CircuitValues
from edgewise.engine.run.inputs import AnyMetric, graph_for, metric_for, usable
from edgewise.engine.run.memory import micro_batch
from edgewise.engine.run.room import release
from edgewise.errors import SettingError
from edgewise.graph import Circuit, Graph
from edgewise.graph.same import require_same
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.out_of_memory import is_out_of_memory
from edgewise.search.acdc.order import Visit
from edgewise.search.acdc.present import PresentCircuit
from edgewise.search.acdc.state import WHOLE, AcdcState, Step
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True)
class AcdcRule:
    """One search of a sweep.

    Args:
        tau: its threshold, in units of the metric.
        start: the circuit it begins with; the whole model by default.
    """

    tau: float
    start: Circuit | None = None


@dataclass(frozen=True)
class SweepState:
    """Where a sweep stands.

    Args:
        states: of each search.
    """

    states: tuple[AcdcState, ...]

    @property
    def finished(self) -> bool:
        """Whether all searches are."""
        return all(state.finished for state in self.states)

    @property
    def done(self) -> int:
        """Edges decided, of all searches together."""
        return sum(state.done for state in self.states)

    @property
    def total(self) -> int:
        """Edges of all searches together."""
        return sum(state.total for state in self.states)

    @property
    def batch_size(self) -> int:
        """Prompts a run."""
        return min(state.batch_size for state in self.states)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        named = ((number, state.tensors()) for number, state in enumerate(self.states))
        return {f"{number}.{name}": array for number, arrays in named for name, array in arrays.items()}

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: Graph) -> SweepState:
        """The state that `tensors` described."""
        apart: dict[int, dict[str, npt.NDArray[Any]]] = {}
        for place, array in arrays.items():
            number, name = place.split(".")
            apart.setdefault(int(number), {})[name] = array
        return cls(tuple(AcdcState.from_tensors(apart[number], graph) for number in sorted(apart)))


@one_at_a_time
def sweep(
    model: Model,
    prompts: PromptSet | Sequence[PromptPair],
    rules: Sequence[AcdcRule],
    *,
    metric: AnyMetric = "kl",
    absolute: bool = False,
    direct_edges: bool = False,
    conditions: Conditions = Conditions(),
    earlier: Sequence[AcdcState] | None = None,
) -> Iterator[SweepState]:
    """Run several ACDC searches; yields before the first run and after every one, the last time finished.

    All other arguments are those of a single `search`.

    Args:
        rules: the searches.
        earlier: where an earlier sweep stopped; None to begin.

    Raises:
        SettingError: prompts whose edges are kept apart by reader.
        SelectionError: a circuit to begin with that is of another graph, or of other places.
    """
    measured = metric_for(prompts, metric)
    pairs = usable(model, prompts, measured)
    graph = graph_for(model, pairs)
    if graph.readers:
        raise SettingError("ACDC does not keep edges apart by reader; leave --readers out")
    for rule in rules:
        if rule.start is not None:
            require_same("circuit to begin with", rule.start.graph, graph)
    searches = _Searches(model, measured, pairs, rules, absolute, conditions)
    yield from searches.run(micro_batch(model, pairs, conditions), direct_edges, earlier)


@dataclass(frozen=True)
class _Group:
    """Searches that have judged every test alike so far.

    Args:
        members: their numbers.
        state: where all of them stand.
        values: the circuit's at the present stop; None where they have to be made again.
    """

    members: list[int]
    state: AcdcState
    values: list[CircuitValues] | None = None


class _Searches:
    """The rule, applied to one destination after another."""

    def __init__(
        self,
        model: Model,
        metric: Metric,
        pairs: Sequence[PromptPair],
        rules: Sequence[AcdcRule],
        absolute: bool,
        conditions: Conditions,
    ) -> None:
        self._model, self._metric, self._pairs = model, metric, pairs
        self._rules, self._absolute, self._conditions = rules, absolute, conditions
        self._sign = -1.0 if metric.higher_is_better else 1.0
        self._states: list[AcdcState] = []
        self._circuit: PresentCircuit | None = None

    def run(self, rows: int, direct_edges: bool, earlier: Sequence[AcdcState] | None) -> Iterator[SweepState]:
        """All searches; with half as many prompts at a time where memory runs out."""
        if earlier is not None:
            self._states = list(earlier)
            rows = min(state.batch_size for state in earlier)
        planned = rows
        while True:
            try:
                self._circuit = PresentCircuit(self._model, self._metric, self._pairs, rows, self._conditions)
                if not self._states:
                    self._states = [self._begin(rule, planned, direct_edges) for rule in self._rules]
                self._states = [state if state.finished else replace(state, batch_size=rows) for state in self._states]
                yield self._now()
                yield from self._to_the_end()
                return
            except (RuntimeError, MemoryError) as error:
                if rows == 1 or not is_out_of_memory(error):
                    raise
            # Only here, where the exception and what it holds are gone, can the memory be given back.
            self._circuit = None
            release(self._model.device)
            rows = (rows + 1) // 2

    def _begin(self, rule: AcdcRule, planned: int, direct_edges: bool) -> AcdcState:
        circuit, graph = self._present, graph_for(self._model, self._pairs)
        kept = graph.mask.copy() if rule.start is None else rule.start.mask
        value = circuit.begin(kept)
        clean, corrupted = circuit.clean_metric, circuit.corrupted_metric
        return AcdcState(graph, clean, corrupted, planned, planned, kept, value, direct_edges)

    @property
    def _present(self) -> PresentCircuit:
        assert self._circuit is not None
        return self._circuit

    def _now(self) -> SweepState:
        return SweepState(tuple(self._states))

    def _to_the_end(self) -> Iterator[SweepState]:
        waiting = self._alike()
        while waiting:
            group = waiting.pop()
            if group.values is not None:
                self._present.restore(group.values)
            else:
                self._make_again(group.state)
            yield from self._search(group, waiting)

    def _alike(self) -> list[_Group]:
        """The unfinished searches, together where they stand at the same place."""
        groups: dict[Any, _Group] = {}
        for number, state in enumerate(self._states):
            if not state.finished:
                place = (state.start.tobytes(), state.trace, state.visited, state.at_once, state.runs)
                groups.setdefault(place, _Group([], state)).members.append(number)
        return [*reversed(groups.values())]

    def _make_again(self, state: AcdcState) -> None:
        """What a search removed before is removed again: one run a stop."""
        self._present.begin(state.start)
        for visit in state.visits[: state.visited]:
            self._leave(visit, state)

    def _search(self, group: _Group, waiting: list[_Group]) -> Iterator[SweepState]:
        """A group to its end; those that part from its first member wait."""
        members, state = group.members, group.state
        for visit in state.visits[state.visited :]:
            if self._is_open(visit, state):
                every = state.sources(visit.into)
                while left := self._untested(visit, state):
                    trying = left[: min(state.at_once, self._present.most)]
                    removed = every if visit.whole else state.removed(visit)
                    values = self._tried(visit.into, removed, () if visit.whole else trying)
                    (members, state), *others = self._judged(members, state, visit.into, trying, values)
                    snapshot = self._present.snapshot() if others else None
                    waiting += [_Group(theirs, other, snapshot) for theirs, other in reversed(others)]
                    self._note(members, state)
                    yield self._now()
            self._leave(visit, state)
            state = replace(state, visited=state.visited + 1)
            self._note(members, state)
        yield self._now()

    def _tried(self, into: tuple[int, ...], removed: Sequence[int], trying: Sequence[int]) -> npt.NDArray[Any]:
        """The metric with the first one, two, ... gone: of several processes each tries some."""
        if processes.size() == 1 or len(trying) < 2:
            return self._present.without(into, removed, trying)
        ends = [len(trying) * number // processes.size() for number in range(processes.size() + 1)]
        begin, end = ends[processes.rank()], ends[processes.rank() + 1]

        def own() -> npt.NDArray[Any]:
            before = [*removed, *trying[:begin]]
            return self._present.without(into, before, trying[begin:end]) if begin < end else np.empty(0)

        return np.concatenate(processes.each(own))

    def _note(self, members: Sequence[int], state: AcdcState) -> None:
        for number in members:
            self._states[number] = state

    def _is_open(self, visit: Visit, state: AcdcState) -> bool:
        """Whether there is anything to test: somebody reads the node, and it was not removed as a whole."""
        return self._present.is_read(visit.into) and not state.removed(Visit(visit.into, whole=True))

    def _leave(self, visit: Visit, state: AcdcState) -> None:
        if self._is_open(replace(visit, whole=False), state) or visit.whole:
            self._present.remove(visit.into, state.removed(visit))
        else:
            self._present.drop(visit.into)

    def _untested(self, visit: Visit, state: AcdcState) -> list[int]:
        done = {step.source for step in state.tested(visit)}
        every = state.sources(visit.into)
        if visit.whole:
            return [] if done or not every else [WHOLE]
        return [source for source in every if source not in done]

    def _judged(
        self,
        members: Sequence[int],
        state: AcdcState,
        into: tuple[int, ...],
        trying: Sequence[int],
        values: npt.NDArray[Any],
    ) -> list[tuple[list[int], AcdcState]]:
        """What each member makes of a run of tests: those that judge alike together."""
        apart: dict[tuple[bool, ...], tuple[list[int], AcdcState]] = {}
        for number in members:
            steps = self._steps(self._rules[number].tau, into, state.current, trying, values)
            said = tuple(step.kept for step in steps)
            if said in apart:
                apart[said][0].append(number)
                continue
            most = self._present.most
            at_once = max(1, state.at_once // 2) if said[-1] else min(2 * state.at_once, most)
            then = replace(state, trace=(*state.trace, *steps), at_once=at_once, runs=state.runs + len(trying))
            self._note([number], then)
            apart[said] = ([number], then)
        for theirs, then in apart.values():
            self._note(theirs, then)
        return [*apart.values()]

    def _steps(
        self, tau: float, into: tuple[int, ...], current: float, trying: Sequence[int], values: npt.NDArray[Any]
    ) -> list[Step]:
        """What the tests say, up to the first edge that stays: those after it were tried without it."""
        steps: list[Step] = []
        for source, value in zip(trying, np.asarray(values).tolist(), strict=True):
            change = self._sign * (value - current)
            kept = not (abs(change) if self._absolute else change) < tau
            steps.append(Step(source, into, current, value, kept))
            if kept:
                break
            current = value
        return steps
