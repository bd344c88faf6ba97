"""From a full table to the numbers of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.errors import ScoreError
from edgewise.evaluation import measures
from edgewise.evaluation.circuit_runs import CORRECT, KL, METRIC
from edgewise.evaluation.circuits import CIRCUIT, COMPLEMENT, EMPTY, FULL, Circuits, Key
from edgewise.evaluation.measures import Values
from edgewise.evaluation.result import Curve, Evaluation, Measured, Point, Removal, Spread
from edgewise.evaluation.sizes import FRACTIONS, Ladder
from edgewise.search.table.cells import Table


def summary(table: Table, circuits: Circuits, metric: str, no_curve: str | None) -> Evaluation:
    """The evaluation that a finished table holds.

    Args:
        table: filled by `Work`.
        circuits: what was run.
        metric: the metric's name.
        no_curve: why there is no curve; None where there is one.

    Raises:
        ScoreError: the table is not finished.
    """
    if not table.finished:
        raise ScoreError(f"{table.done_prompts} of {table.n_prompts} prompts are done; finish the evaluation first")
    found = _Found(table, circuits)
    kept, left = found.faithfulness(CIRCUIT), found.faithfulness(COMPLEMENT)
    return Evaluation(
        metric=metric,
        ablation=circuits.wanted.ablation,
        n_prompts=table.n_prompts,
        graph_edges=circuits.circuit.graph.n_edges,
        circuit_edges=circuits.circuit.n_edges,
        full=found.measured(FULL),
        empty=found.measured(EMPTY),
        circuit=found.measured(CIRCUIT),
        complement=found.measured(COMPLEMENT),
        faithfulness=kept[0],
        faithfulness_stderr=kept[1],
        completeness=left[0],
        completeness_stderr=left[1],
        curve=None if circuits.ladder is None else found.curve(circuits.ladder),
        no_curve=no_curve,
        minimality=found.removals() if circuits.wanted.minimality else None,
        batch_size=table.batch_size,
        warnings=(*_flat(found), *_memory(table)),
    )


class _Found:
    """A table read by circuit."""

    def __init__(self, table: Table, circuits: Circuits) -> None:
        self._table, self._circuits = table, circuits
        self.full, self.empty = self.values(FULL), self.values(EMPTY)

    def values(self, key: Key, name: str = METRIC) -> Values:
        """One number a prompt, ``[n_prompts]``."""
        if key == FULL:
            return self._table.of_prompts[name]
        return self._table.values[name][:, self._circuits.numbers[key]]

    def measured(self, key: Key) -> Measured:
        accuracy = float(self.values(key, CORRECT).mean()) if CORRECT in self._table.values else None
        return Measured(*measures.mean(self.values(key)), float(self.values(key, KL).mean()), accuracy)

    def faithfulness(self, key: Key) -> tuple[float | None, float | None]:
        return measures.faithfulness(self.values(key), self.full, self.empty)

    def curve(self, ladder: Ladder) -> Curve:
        numbers = range(self._circuits.wanted.random)
        sizes = [ladder.size(fraction) for fraction in FRACTIONS]
        points = tuple(self._point(ladder, fraction, size) for fraction, size in zip(FRACTIONS, sizes, strict=True))
        ours = self._areas(sizes)
        random = [area for number in numbers if (area := self._areas(sizes, number))]
        spreads = [_spread(values) for values in zip(*random, strict=True)] if random else [None, None]
        return Curve(ladder.what, ladder.by, points, *(ours or (None, None)), *spreads)

    def _point(self, ladder: Ladder, fraction: float, size: int) -> Point:
        key = self._circuits.at(size)
        random = [
            f
            for number in range(self._circuits.wanted.random)
            if (f := self.faithfulness(self._circuits.at(size, number))[0]) is not None
        ]
        edges = ladder.circuit(size).n_edges
        value = float(self.values(key).mean())
        return Point(fraction, size, edges, value, *self.faithfulness(key), _spread(random) if random else None)

    def _areas(self, sizes: Sequence[int], number: int | None = None) -> tuple[float, float] | None:
        found = [self.faithfulness(self._circuits.at(size, number))[0] for size in sizes]
        f = [value for value in found if value is not None]
        return measures.areas(FRACTIONS, f) if len(f) == len(found) else None

    def removals(self) -> tuple[Removal, ...]:
        """The largest effect first; equal ones in the order of sources, then destinations."""
        graph, circuit = self._circuits.circuit.graph, self.values(CIRCUIT)
        removed = [
            Removal(graph.edge_name(*map(int, key[1:])), *measures.mean(self.values(key) - circuit))
            for key in self._circuits.keys
            if key[0] == "without"
        ]
        return tuple(sorted(removed, key=lambda removal: -abs(removal.effect)))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(sum(values) / len(values), min(values), max(values))


def _flat(found: _Found) -> tuple[str, ...]:
    if not measures.is_flat(found.full, found.empty):
        return ()
    return (
        "the metric is the same with no edge and with every edge patched, so faithfulness, completeness, CPR and CMD"
        " are undefined; use prompts on which patching changes it, or another --ablation or --metric",
    )


def _memory(table: Table) -> tuple[str, ...]:
    if table.batch_size == table.planned_batch_size:
        return ()
    return (
        f"memory ran out with {table.planned_batch_size} prompts at a time, so {table.batch_size} were run at a time;"
        " no result changed",
    )
