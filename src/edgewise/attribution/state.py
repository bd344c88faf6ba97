"""Where a scoring pass stands: enough to go on after a kill, and to give the scores at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from edgewise.attribution.largest import Largest
from edgewise.attribution.moments import Array, Moments
from edgewise.attribution.resamples import Resamples
from edgewise.errors import DataError, ScoreError
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.settings.scoring import Level


def require_level(level: str) -> None:
    """Refuse what is no level. Raises DataError."""
    if level == "neuron":
        raise DataError("level 'neuron' is scored by score_neurons; edges and nodes are scored here")
    if level not in get_args(Level):
        raise DataError(f"level {level!r} is not known; use 'edge' or 'node'")


Block = tuple[npt.NDArray[np.int64], npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class AttributionState:
    """The sums over the micro-batches done so far.

    Args:
        graph: the model's graph.
        level: ``"edge"``, or ``"node"``: a node's score is the sum of its outgoing edges' scores, which is the
            gradient at its output times its change.
        batch_size: prompts a micro-batch; a resumed pass uses it again.
        planned_batch_size: the same as it was at the start; more than ``batch_size`` where memory ran out.
        done: prompts done.
        total: prompts in all.
        moments: of the per-prompt scores.
        clean_metric: the metric of every prompt on the clean run, ``[total]``, NaN where not yet done.
        corrupted_metric: likewise on the corrupted run.
        steepest: the largest ``|dL/dlogits|`` seen.
        blocks: the micro-batches' own scores with the indices of their prompts, where per-prompt scores were asked
            for; None otherwise.
        resamples: of the prompts, where they were asked for; None otherwise.
        largest: the prompts whose scores are largest, where they were asked for; None otherwise.
    """

    graph: Graph
    level: Level
    batch_size: int
    planned_batch_size: int
    done: int
    total: int
    moments: Moments
    clean_metric: Array
    corrupted_metric: Array
    steepest: float = 0.0
    blocks: tuple[Block, ...] | None = None
    resamples: Resamples | None = None
    largest: Largest | None = None

    @classmethod
    def start(
        cls,
        graph: Graph,
        *,
        level: Level,
        batch_size: int,
        total: int,
        per_prompt: bool,
        bootstrap: int = 0,
        seed: int = 0,
        largest: int = 0,
    ) -> AttributionState:
        """Before the first micro-batch.

        Args:
            graph: the model's graph.
            level: ``"edge"`` or ``"node"``.
            batch_size: prompts a micro-batch.
            total: prompts in all.
            per_prompt: whether single prompts' scores are kept.
            bootstrap: resamples of the prompts that are followed.
            seed: of their draws.
            largest: how many prompts are kept whole, those of largest scores.
        """
        exists = graph.mask if level == "edge" else np.ones(graph.n_sources, dtype=np.bool_)
        unknown, none = np.full(total, np.nan), Moments.none(exists.shape)
        resamples = Resamples.none(bootstrap, total, exists, seed) if bootstrap else None
        blocks = () if per_prompt else None
        begun = cls(graph, level, batch_size, batch_size, 0, total, none, unknown, unknown, 0.0, blocks, resamples)
        return replace(begun, largest=Largest.none(largest, exists.shape) if largest else None)

    @property
    def finished(self) -> bool:
        """Whether every prompt is done."""
        return self.done == self.total

    def after(
        self,
        rows: list[int],
        scores: npt.NDArray[np.floating[Any]],
        clean_metric: Array,
        corrupted_metric: Array,
        steepest: float,
    ) -> AttributionState:
        """The state after one more micro-batch: ``scores`` are ``[batch, n_sources, n_destinations]``."""
        values = scores if self.level == "edge" else scores.sum(-1)
        blocks = None if self.blocks is None else (*self.blocks, (np.array(rows), values))
        return replace(
            self,
            done=self.done + len(rows),
            moments=self.moments.add(values),
            clean_metric=_with_rows(self.clean_metric, rows, clean_metric),
            corrupted_metric=_with_rows(self.corrupted_metric, rows, corrupted_metric),
            steepest=max(self.steepest, steepest),
            blocks=blocks,
            resamples=None if self.resamples is None else self.resamples.add(rows, values),
            largest=None if self.largest is None else self.largest.add(rows, values),
        )

    def replaced(self, values: npt.NDArray[np.floating[Any]], where: npt.NDArray[np.bool_]) -> AttributionState:
        """The state with other scores of the largest prompts in the place of their own, for some edges.

        Args:
            values: the others, ``[n_rows, *shape]``.
            where: for which edges (or nodes), in the shape of the scores.
        """
        assert self.largest is not None
        rows, own = self.largest.rows.tolist(), self.largest.scores
        new = np.where(where, values, own)
        return replace(
            self,
            moments=self.moments.replaced(own, new),
            blocks=None if self.blocks is None else tuple(_block_with(block, rows, new) for block in self.blocks),
            resamples=None if self.resamples is None else self.resamples.replaced(rows, own, new),
        )

    def with_batch_size(self, rows: int) -> AttributionState:
        """The same state, to go on with another micro-batch."""
        return replace(self, batch_size=rows)

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "progress": np.array([self.batch_size, self.planned_batch_size, self.done, self.total], dtype=np.int64),
            "steepest": np.array([self.steepest]),
            "mean": self.moments.mean,
            "squares": self.moments.squares,
            "mean_abs": self.moments.mean_abs,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
        }
        if self.blocks:
            rows, scores = (np.concatenate(part) for part in zip(*self.blocks, strict=True))
            arrays |= {"rows": rows, "per_prompt": scores}
        if self.resamples is not None:
            arrays |= {"resamples": self.resamples.sums, "resamples_squares": self.resamples.squares}
            arrays["resamples_seed"] = np.array([self.resamples.seed])
        if self.largest is not None:
            arrays |= {"largest_rows": self.largest.rows, "largest": self.largest.scores}
            arrays["largest_most"] = np.array([self.largest.most])
        return arrays

    @classmethod
    def from_tensors(
        cls, arrays: Mapping[str, npt.NDArray[Any]], graph: Graph, *, level: Level, per_prompt: bool
    ) -> AttributionState:
        """The state that `tensors` described, of a pass that was started with the same level and ``per_prompt``."""
        blocks = ((arrays["rows"], arrays["per_prompt"]),) if "rows" in arrays else ()
        batch_size, planned, done, total = (int(number) for number in arrays["progress"])
        resamples = None
        if "resamples" in arrays:
            exists = graph.mask if level == "edge" else np.ones(graph.n_sources, dtype=np.bool_)
            none = Resamples.none(len(arrays["resamples"]), total, exists, int(arrays["resamples_seed"][0]))
            resamples = replace(none, sums=arrays["resamples"], squares=arrays["resamples_squares"])
        largest = None
        if "largest" in arrays:
            largest = Largest(int(arrays["largest_most"][0]), arrays["largest_rows"], arrays["largest"])
        return cls(
            graph,
            level,
            batch_size,
            planned,
            done,
            total,
            Moments(done, arrays["mean"], arrays["squares"], arrays["mean_abs"]),
            arrays["clean_metric"],
            arrays["corrupted_metric"],
            float(arrays["steepest"][0]),
            blocks if per_prompt else None,
            resamples,
            largest,
        )

    def scores(self) -> EdgeScores | NodeScores:
        """The scores of a finished pass: mean over prompts, standard error, mean of absolutes.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} prompts are scored; finish the pass first")
        kind = NodeScores if self.level == "node" else EdgeScores
        mean, stderr, resamples = self.moments.mean, self.moments.stderr(), self.resamples
        return kind(
            self.graph,
            mean,
            stderr=stderr,
            mean_abs=self.moments.mean_abs,
            per_prompt=self._per_prompt(),
            resampled=None if resamples is None else resamples.means(),
            half_width=None if resamples is None else resamples.half_widths(mean, stderr),
            n_prompts=self.total,
        )

    def _per_prompt(self) -> npt.NDArray[Any] | None:
        if not self.blocks:
            return None
        rows, scores = zip(*self.blocks, strict=True)
        ordered: npt.NDArray[Any] = np.concatenate(scores)[np.argsort(np.concatenate(rows))]
        return ordered


def _with_rows(into: npt.NDArray[Any], rows: list[int], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    changed: npt.NDArray[Any] = into.copy()
    changed[rows] = values
    return changed


def _block_with(block: Block, rows: list[int], values: npt.NDArray[np.floating[Any]]) -> Block:
    """A micro-batch's scores with those of some prompts in the place of their own."""
    of, scores = block
    changed = scores.copy()
    for row, value in zip(rows, values, strict=True):
        changed[of == row] = value
    return of, changed
