"""The smallest circuit of a ranking that is good enough, by bisection over its size.

1. Measure the circuits of some sizes on all prompts: first of none, of all, and of a few sizes between.
2. The answer lies above the largest size that fails below the smallest that passes. Divide what lies between evenly on
   a logarithmic scale, measure there, and so on until nothing lies between.

Where more edges are never worse, that is the smallest of all sizes that pass. Where they are, it is a size that passes
right above one that fails, and what was measured on the way says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.engine.run.inputs import AnyMetric, metric_for, usable
from edgewise.errors import ScoreError
from edgewise.evaluation.ablation import baselines
from edgewise.evaluation.circuit_runs import KL, METRIC, CircuitRuns, Kept
from edgewise.evaluation.measures import Values
from edgewise.evaluation.smallest.section import AT_ONCE, bracket, next_sizes
from edgewise.evaluation.smallest.target import SizePoint, Target, point
from edgewise.graph.arrays import BoolArray
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.search.table.cells import Table
from edgewise.search.table.fill import Measurement, fill, start
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet


@dataclass(frozen=True, eq=False)
class Sizes:
    """Circuits of growing size.

    Args:
        kept: from a size, 1 at least, to the mask of its circuit.
        total: the largest size.
        what: what sizes count, such as ``"edges"``.
    """

    kept: Callable[[int], BoolArray]
    total: int
    what: str = "edges"


RunsOf = Callable[[Model, Sequence[PromptPair], Metric, Kept], Measurement]
"""From circuits to what runs them, and measures metric and KL of each."""


def edge_runs(model: Model, pairs: Sequence[PromptPair], metric: Metric, kept: Kept) -> CircuitRuns:
    """Runs with all edges patched that circuits of edges leave out, by the corrupted prompts."""
    return CircuitRuns(model, metric, kept, baselines(model, pairs, "resample", 1), with_accuracy=False)


@dataclass(frozen=True, eq=False)
class SizesState:
    """Where a search stands.

    Args:
        points: of each size that is done, in the order measured.
        full: the metric of each prompt with no edge patched, ``[n_prompts]``; empty before anything is done.
        metric: of each size and prompt, ``[sizes, n_prompts]``.
        kl: likewise.
        at_work: the sizes being measured.
        table: their numbers so far; None when nothing is left to measure.
        left: about how many sizes more will be measured.
    """

    points: tuple[SizePoint, ...]
    full: Values
    metric: Values
    kl: Values
    at_work: tuple[int, ...]
    table: Table | None
    left: int

    @property
    def finished(self) -> bool:
        """Whether the smallest size is known."""
        return self.table is None

    @property
    def done(self) -> int:
        """Sizes measured."""
        return len(self.points)

    @property
    def total(self) -> int:
        """Sizes to measure in all, about."""
        return len(self.points) + self.left

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """All that is needed to go on."""
        sizes = np.array([found.size for found in self.points], dtype=np.int64)
        done = {"sizes": sizes, "full": self.full, "metric": self.metric, "kl": self.kl}
        table = {} if self.table is None else {f"table.{name}": one for name, one in self.table.tensors().items()}
        return {**done, "at_work": np.array(self.at_work, dtype=np.int64), **table}


class SmallestSearch:
    """One search.

    Args:
        model: the model.
        prompts: pairs of clean and corrupted prompts, best others than those that chose the ranking; the same in the
            same order when a search is resumed.
        sizes: the circuits.
        target: what is good enough.
        metric: the metric; the prompt set's own by default.
        runs: what runs circuits; of edges by default.

    Raises:
        EdgewiseError: prompts or a metric that cannot be used.
    """

    def __init__(
        self,
        model: Model,
        prompts: PromptSet | Sequence[PromptPair],
        sizes: Sizes,
        target: Target,
        *,
        metric: AnyMetric | None = None,
        runs: RunsOf = edge_runs,
    ) -> None:
        """Check what is given."""
        self.metric = metric_for(prompts, metric)
        self._model, self._pairs = model, usable(model, prompts, self.metric)
        self._sizes, self._target, self._runs_of = sizes, target, runs

    def states(
        self, *, conditions: Conditions = Conditions(), stored: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> Iterator[SizesState]:
        """Search: yields the state before the first run and after every one, the last one finished.

        Args:
            conditions: how much is run at a time, `Conditions`; by default what memory allows.
            stored: the tensors of the state at which an earlier search stopped; None to begin.

        Raises:
            SelectionError: a metric that no edge changes.
        """
        state = self._begun() if stored is None else self._read(stored)
        while True:
            state, runs = self._round(state, conditions)
            yield state
            if state.table is None:
                return
            for table in fill(self._model, self._pairs, runs, state.table):
                state = replace(state, table=table)
                if not table.finished:
                    yield state
            state = self._after(state)

    def result(self, state: SizesState) -> tuple[SizePoint, bool]:
        """The smallest size that passes, and True; or, where none does, the best that was measured, and False.

        Raises:
            ScoreError: the search is not finished.
        """
        if not state.finished:
            raise ScoreError(f"{state.done} sizes are measured; finish the search first")
        sized = [found for found in state.points if found.size > 0]
        passing = [found for found in sized if self._target.reached(found)]
        if passing:
            return min(passing, key=lambda found: found.size), True
        return max(sized, key=lambda found: (self._target.better(found), -found.size)), False

    def _begun(self) -> SizesState:
        nothing = np.empty((0, len(self._pairs)))
        return SizesState((), np.empty(0), nothing, nothing, (), None, 0)

    def _read(self, stored: Mapping[str, npt.NDArray[Any]]) -> SizesState:
        parts = {name.removeprefix("table."): one for name, one in stored.items() if name.startswith("table.")}
        table = Table.from_tensors(parts) if parts else None
        done = SizesState((), stored["full"], stored["metric"], stored["kl"], (), None, 0)
        return replace(self._with_points(done, stored["sizes"]), at_work=_ints(stored["at_work"]), table=table)

    def _with_points(self, state: SizesState, sizes: npt.NDArray[Any]) -> SizesState:
        rows = _ints(sizes)
        if not rows:
            return state
        empty = state.metric[rows.index(0)]
        points = tuple(
            point(size, int(self._kept(size).sum()), state.metric[row], state.kl[row], state.full, empty)
            for row, size in enumerate(rows)
        )
        return replace(state, points=points)

    def _kept(self, size: int) -> BoolArray:
        return self._sizes.kept(size) if size else np.zeros_like(self._sizes.kept(self._sizes.total))

    def _round(self, state: SizesState, conditions: Conditions) -> tuple[SizesState, Measurement]:
        """The state with the sizes to measure next, and what runs them."""
        passed = {found.size: self._passes(found) for found in state.points}
        sizes = state.at_work if state.table is not None else next_sizes(passed, self._sizes.total)
        runs = self._runs(sizes)
        left = _left(passed, self._sizes.total) if sizes else 0
        if not sizes or state.table is not None:
            return replace(state, at_work=sizes, left=left), runs
        table = start(self._model, self._pairs, runs, conditions)
        return replace(state, at_work=sizes, table=table, left=left), runs

    def _passes(self, found: SizePoint) -> bool:
        self._target.of(found)  # refuses a metric of which no share can be told
        return self._target.reached(found)

    def _runs(self, sizes: Sequence[int]) -> Measurement:
        kept = KeptAtSizes(self._sizes.what, tuple(sizes), tuple(map(self._kept, sizes)))
        return self._runs_of(self._model, self._pairs, self.metric, kept)

    def _after(self, state: SizesState) -> SizesState:
        """The state with the sizes of its full table done."""
        table = state.table
        assert table is not None
        sizes = np.array([*(found.size for found in state.points), *state.at_work])
        metric = np.concatenate([state.metric, table.values[METRIC].T])
        kl = np.concatenate([state.kl, table.values[KL].T])
        done = replace(state, full=table.of_prompts[METRIC], metric=metric, kl=kl, at_work=(), table=None)
        return self._with_points(done, sizes)


@dataclass(frozen=True, eq=False)
class KeptAtSizes:
    """The circuits of some sizes, by number.

    Args:
        what: what sizes count.
        keys: the sizes.
        masks: what each keeps, in the shape of the graph's mask.
    """

    what: str
    keys: tuple[int, ...]
    masks: tuple[BoolArray, ...]

    def __len__(self) -> int:
        """Number of circuits."""
        return len(self.keys)

    def kept(self, number: int) -> BoolArray:
        """What a circuit keeps."""
        return self.masks[number]

    def words(self, number: int) -> str:
        """A circuit in words, for messages."""
        return f"the best {self.keys[number]} {self.what}"


def _ints(values: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _left(passed: Mapping[int, bool], total: int) -> int:
    """About how many sizes more a search measures."""
    low, high = bracket(passed, total)
    rounds = math.log(max(2, high - low), AT_ONCE + 1)
    return max(1, round(AT_ONCE * rounds))
