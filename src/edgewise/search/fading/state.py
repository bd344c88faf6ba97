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
from edgewise.search.fading.budget import best
from edgewise.search.table.cells import Array


@dataclass(frozen=True, eq=False)
class FadingState:
    """Where it stands.

    Args:
        graph: the model's graph.
        total: steps in all.
        kept: the share that each edge keeps, ``[n_edges]``, from 0 to 1.
        importance: of each edge, a decayed mean of shares of the slopes.
        smallest: of each edge, the smallest circuit so far that holds it.
        batch_size: prompts a run.
        planned_batch_size: the same as it was at the start; more where memory ran out.
        clean_metric: of every prompt on the clean run, ``[n_prompts]``.
        corrupted_metric: likewise on the corrupted run.
        losses: of every step, the size and the loss of its prompts, ``[done, 2]``.
    """

    graph: Graph
    total: int
    kept: Array
    importance: Array
    smallest: Array
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

    def after(self, kept: Array, importance: Array, size: int, loss: float, batch_size: int) -> FadingState:
        """The state after one more step, at a size."""
        return replace(
            self,
            kept=kept,
            importance=importance,
            smallest=np.where(best(kept, importance, size), np.minimum(self.smallest, size), self.smallest),
            losses=np.concatenate([self.losses, [[size, loss]]]),
            batch_size=batch_size,
        )

    def scores(self) -> EdgeScores:
        """The share of all edges that the smallest circuit leaves out that holds an edge; ties by importance.

        The best n edges are the circuit of n edges, and each circuit holds all smaller ones.

        Raises:
            ScoreError: not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} steps are taken; finish them first")
        order = np.lexsort((self.importance, -self.smallest))
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
            "kept": self.kept,
            "importance": self.importance,
            "smallest": self.smallest,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
            "losses": self.losses,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], graph: Graph) -> FadingState:
        """The state that `tensors` described."""
        total, batch_size, planned = (int(count) for count in arrays["counts"])
        names = ("kept", "importance", "smallest", "clean_metric", "corrupted_metric")
        return cls(
            graph=graph,
            total=total,
            batch_size=batch_size,
            planned_batch_size=planned,
            losses=arrays["losses"].reshape(-1, 2),
            **{name: arrays[name] for name in names},
        )
