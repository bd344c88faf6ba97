"""Where fading stands: enough to go on with the same bits, and to rank the edges at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores, Graph
from edgewise.search.fading.levels import Levels
from edgewise.search.fading.rungs import Step
from edgewise.search.table.cells import Array


@dataclass(frozen=True, eq=False)
class FadingState:
    """Where it stands.

    Args:
        graph: the model's graph.
        total: steps in all.
        soft: the levels from which sizes fall.
        hard: those that harden at a rung; the same as the soft ones on the way to one.
        smallest: of each edge, the size of the smallest settled circuit that holds it, ``[n_edges]``; of all edges
            where none does.
        place: of each edge, the least size on the way down at which it was among the best, with its rank there behind
            the point; it orders the edges of one circuit.
        batch_size: prompts a run.
        planned_batch_size: the same as it was at the start; more where memory ran out.
        clean_metric: of every prompt on the clean run, ``[n_prompts]``.
        corrupted_metric: likewise on the corrupted run.
        losses: of every step, the size and the loss of its prompts, ``[done, 2]``.
    """

    graph: Graph
    total: int
    soft: Levels
    hard: Levels
    smallest: Array
    place: Array
    batch_size: int
    planned_batch_size: int
    clean_metric: Array
    corrupted_metric: Array
    losses: Array

    @property
    def done(self) -> int:
        """Steps taken."""
        return len(self.losses)

    @property
    def finished(self) -> bool:
        """Whether every step is taken."""
        return self.done == self.total

    def after(self, step: Step, levels: Levels, loss: float, batch_size: int) -> FadingState:
        """The state after one more step, which left these levels."""
        losses = np.concatenate([self.losses, [[step.size, loss]]])
        moved = replace(self, hard=levels, losses=losses, batch_size=batch_size)
        if not step.hard:
            return replace(moved, soft=levels, place=_placed(self.place, levels, step.size))
        return moved.settled(step.size) if step.last else moved

    def settled(self, size: int) -> FadingState:
        """The state whose circuit of a size is that of the highest levels; of equals the first."""
        smallest = self.smallest.copy()
        smallest[_best(self.hard, size)] = size
        return replace(self, hard=self.soft, smallest=smallest, place=_placed(self.place, self.hard, size))

    def scores(self) -> EdgeScores:
        """The share of all edges that rank below an edge or with it, by the smallest circuit that holds it.

        The best n edges are what the circuits of up to n edges hold, the smaller ones first.

        Raises:
            ScoreError: not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} steps are taken; finish them first")
        order = np.lexsort((-self.place, -self.smallest))
        ranks = np.empty(len(order))
        ranks[order] = np.arange(1, len(order) + 1) / len(order)
        values = np.full(self.graph.mask.shape, np.nan)
        values[self.graph.mask] = ranks
        return EdgeScores(self.graph, values, n_prompts=len(self.clean_metric))

    def lines(self) -> bytes:
        """One JSON line a step: the size and the loss."""
        rows = enumerate(self.losses.tolist(), start=1)
        return "".join(
            f"{json.dumps({'step': number, 'size': int(size), 'loss': loss})}\n" for number, (size, loss) in rows
        ).encode()

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        return {
            "counts": np.array([self.total, self.batch_size, self.planned_batch_size], dtype=np.int64),
            "soft": np.stack([self.soft.values, self.soft.momentum]),
            "hard": np.stack([self.hard.values, self.hard.momentum]),
            "smallest": self.smallest,
            "place": self.place,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
            "losses": self.losses,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: Graph) -> FadingState:
        """The state that `tensors` described."""
        total, batch_size, planned = (int(count) for count in arrays["counts"])
        names = ("smallest", "place", "clean_metric", "corrupted_metric")
        return cls(
            graph=graph,
            total=total,
            batch_size=batch_size,
            planned_batch_size=planned,
            soft=Levels(*arrays["soft"]),
            hard=Levels(*arrays["hard"]),
            losses=arrays["losses"].reshape(-1, 2),
            **{name: arrays[name] for name in names},
        )


def _best(levels: Levels, size: int) -> npt.NDArray[np.intp]:
    """The edges of the highest levels, falling; of equals the first."""
    return np.argsort(-levels.values, kind="stable")[:size]


def _placed(place: Array, levels: Levels, size: int) -> Array:
    """The places after a step at a size."""
    best, placed = _best(levels, size), np.array(place)
    placed[best] = size + np.arange(len(best)) / len(place)
    return placed
