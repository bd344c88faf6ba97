"""Where an ACDC search stands: the edges tested so far, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.graph import Circuit, EdgeScores, Graph
from edgewise.graph.arrays import BoolArray
from edgewise.search.acdc.order import Visit, sources_from_late, visits

Array = npt.NDArray[np.float64]
# In the place of a source: the destination was patched as a whole.
WHOLE = -1


@dataclass(frozen=True)
class Step:
    """One test.

    Args:
        source: row of the edge's source, or `WHOLE`.
        into: the column of its destination, and its place where edges are kept apart by it.
        before: the metric of the circuit before.
        after: the metric without the edge.
        kept: whether it stays.
    """

    source: int
    into: tuple[int, ...]
    before: float
    after: float
    kept: bool

    @property
    def edge(self) -> tuple[int, ...]:
        """Where it stands in the graph's mask."""
        return (self.source, *self.into)


def trace_lines(state: AcdcState) -> bytes:
    """One JSON line a test, in order: edge (or destination, tested as a whole), metric before and after, kept."""
    lines = []
    for step in state.trace:
        name = _tested(state.graph, step)
        lines.append(json.dumps({"edge": name, "before": step.before, "after": step.after, "kept": step.kept}))
    return "".join(f"{line}\n" for line in lines).encode()


def _tested(graph: Graph, step: Step) -> str:
    """The name of the edge, or of the destination that was tested as a whole."""
    if step.source != WHOLE:
        return graph.edge_name(*step.edge)
    column, *where = step.into
    return graph.destinations[column] + "".join(f"@{graph.places[place]}" for place in where)


@dataclass(frozen=True, eq=False)
class AcdcState:
    """Where a search stands.

    Args:
        graph: the model's graph, by place where the prompts' tokens have places.
        clean_metric: of every prompt on the clean run, ``[n_prompts]``.
        corrupted_metric: likewise on the corrupted run.
        batch_size: prompts a run.
        planned_batch_size: prompts a run at the start; more where memory ran out.
        start: the edges kept when the search began, of the shape of the graph's mask.
        start_metric: the mean metric of that circuit.
        trace: the tests so far, in order.
        direct_edges: whether heads' inputs are tested as a whole first.
        visited: stops done, of `visits`.
        at_once: edges that are tried together next.
        runs: runs of all prompts so far, however short.
    """

    graph: Graph
    clean_metric: Array
    corrupted_metric: Array
    batch_size: int
    planned_batch_size: int
    start: BoolArray
    start_metric: float
    direct_edges: bool = False
    trace: tuple[Step, ...] = ()
    visited: int = 0
    at_once: int = 1
    runs: int = 0

    @property
    def finished(self) -> bool:
        """Whether every destination was visited."""
        return self.visited == len(self.visits)

    @cached_property
    def visits(self) -> list[Visit]:
        """All stops of the search."""
        return visits(self.graph, direct_edges=self.direct_edges)

    @property
    def current(self) -> float:
        """The metric of the circuit: after the last removal, or at the start."""
        removed = next((step for step in reversed(self.trace) if not step.kept), None)
        return self.start_metric if removed is None else removed.after

    @property
    def done(self) -> int:
        """Of the edges that it began with, those that are decided, tested or not."""
        passed = (visit.into for visit in self.visits[: self.visited] if not visit.whole)
        into = self.start.sum(0)
        decided = sum(int(into[at]) for at in passed)
        return decided if self.finished else decided + len(self.tested(self.visits[self.visited]))

    @property
    def total(self) -> int:
        """Number of edges that it began with."""
        return int(self.start.sum())

    def tested(self, visit: Visit) -> list[Step]:
        """The tests made at a stop."""
        return [step for step in self._by_stop.get(visit.into, ()) if (step.source == WHOLE) == visit.whole]

    def removed(self, visit: Visit) -> list[int]:
        """The sources whose edges the tests at a stop removed, in order."""
        steps = [step for step in self.tested(visit) if not step.kept]
        return self.sources(visit.into) if visit.whole and steps else [s.source for s in steps]

    def sources(self, into: tuple[int, ...]) -> list[int]:
        """The sources whose edges into a destination were kept at the start, in the order of their tests."""
        edges = {source: (source, *into) for source in sources_from_late(self.graph, into[0])}
        return [source for source, edge in edges.items() if self.start[edge]]

    @cached_property
    def _by_stop(self) -> dict[tuple[int, ...], list[Step]]:
        found: dict[tuple[int, ...], list[Step]] = {}
        for step in self.trace:
            found.setdefault(step.into, []).append(step)
        return found

    def circuit(self) -> Circuit:
        """The edges kept: those whose test failed.

        Raises:
            ScoreError: the search is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.visited} of {len(self.visits)} stops are done; finish the search first")
        kept = np.zeros(self.graph.mask.shape, dtype=np.bool_)
        for step in self.trace:
            if step.kept and step.source != WHOLE:
                kept[step.edge] = True
        return Circuit(self.graph, kept)

    def scores(self) -> EdgeScores:
        """The change of the metric when each edge was tested, NaN where it never was."""
        values = np.full(self.graph.mask.shape, np.nan)
        for step in self.trace:
            if step.source != WHOLE:
                values[step.edge] = step.after - step.before
        return EdgeScores(self.graph, values, n_prompts=len(self.clean_metric), allow_unscored=True)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        edges = [(*step.edge, step.kept) for step in self.trace]
        values = [(step.before, step.after) for step in self.trace]
        return {
            "progress": np.array(
                [
                    self.batch_size,
                    self.planned_batch_size,
                    self.direct_edges,
                    self.visited,
                    self.at_once,
                    self.runs,
                ],
                dtype=np.int64,
            ),
            "start": self.start.astype(np.uint8),
            "start_metric": np.array([self.start_metric]),
            "edges": np.array(edges, dtype=np.int64).reshape(-1, self.start.ndim + 1),
            "values": np.array(values, dtype=np.float64).reshape(-1, 2),
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: Graph) -> AcdcState:
        """The state that `tensors` described."""
        edges, values = arrays["edges"].tolist(), arrays["values"].tolist()
        trace = tuple(
            Step(source, tuple(into), before, after, bool(kept))
            for (source, *into, kept), (before, after) in zip(edges, values, strict=True)
        )
        batch_size, planned, direct_edges, visited, at_once, runs = (int(number) for number in arrays["progress"])
        return cls(
            graph,
            arrays["clean_metric"],
            arrays["corrupted_metric"],
            batch_size,
            planned,
            arrays["start"].astype(np.bool_),
            float(arrays["start_metric"][0]),
            bool(direct_edges),
            trace,
            visited,
            at_once,
            runs,
        )
