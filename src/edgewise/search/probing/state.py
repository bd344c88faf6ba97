"""Where the training of masks stands: enough to go on with the same bits, and to give circuit and scores at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import ScoreError
from edgewise.graph import Circuit, EdgeScores
from edgewise.search.probing.adam import Adam
from edgewise.search.probing.masks import Masks
from edgewise.search.table.cells import Array

# A mask is more likely than not to keep more than half where its parameter is 0 or more.
CUT = 0.5


@dataclass(frozen=True, eq=False)
class ProbingState:
    """Where it stands.

    Args:
        masks: what is masked.
        total: steps in all.
        adam: the parameters of the masks, and the optimiser's moments.
        batch_size: prompts a run.
        planned_batch_size: the same as it was at the start; more where memory ran out.
        clean_metric: of every prompt on the clean run, ``[n_prompts]``.
        corrupted_metric: likewise on the corrupted run.
        losses: of every step, the loss without the penalty, and the penalty before lambda, ``[done, 2]``.
    """

    masks: Masks
    total: int
    adam: Adam
    batch_size: int
    planned_batch_size: int
    clean_metric: Array
    corrupted_metric: Array
    losses: Array

    @property
    def done(self) -> int:
        """Steps taken."""
        return self.adam.steps

    @property
    def finished(self) -> bool:
        """Whether every step is taken."""
        return self.done == self.total

    def after(self, adam: Adam, loss: float, penalty: float, batch_size: int) -> ProbingState:
        """The state after one more step."""
        losses = np.concatenate([self.losses, [[loss, penalty]]])
        return replace(self, adam=adam, losses=losses, batch_size=batch_size)

    def mask_scores(self) -> Array:
        """The probability that each mask keeps more than half, ``[n_masks]``; those of 0.5 or more are kept."""
        scores: Array = 1 / (1 + np.exp(-self.adam.parameters))
        return scores

    def scores(self) -> EdgeScores:
        """The score at which each edge goes; 1 where it never does.

        Raises:
            ScoreError: the training is not finished.
        """
        self._require_finished()
        return EdgeScores(
            self.masks.graph, self.masks.edge_values(self.mask_scores()), n_prompts=len(self.clean_metric)
        )

    def circuit(self) -> Circuit:
        """The edges whose mask, or whose two ends' masks, are kept.

        Raises:
            ScoreError: the training is not finished.
        """
        self._require_finished()
        return Circuit(self.masks.graph, np.nan_to_num(self.masks.edge_values(self.mask_scores())) >= CUT)

    def lines(self) -> bytes:
        """One JSON line a step: loss without the penalty, and the penalty before lambda."""
        rows = enumerate(self.losses.tolist(), start=1)
        return "".join(
            f"{json.dumps({'step': step, 'loss': loss, 'penalty': penalty})}\n" for step, (loss, penalty) in rows
        ).encode()

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the masks' kind as arrays, for storage."""
        counts = [self.total, self.adam.steps, self.batch_size, self.planned_batch_size]
        return {
            "steps": np.array(counts, dtype=np.int64),
            "parameters": self.adam.parameters,
            "mean": self.adam.mean,
            "square": self.adam.square,
            "clean_metric": self.clean_metric,
            "corrupted_metric": self.corrupted_metric,
            "losses": self.losses,
        }

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]], masks: Masks) -> ProbingState:
        """The state that `tensors` described."""
        total, steps, batch_size, planned = (int(count) for count in arrays["steps"])
        adam = Adam(arrays["parameters"], arrays["mean"], arrays["square"], steps)
        clean, corrupted = arrays["clean_metric"], arrays["corrupted_metric"]
        return cls(masks, total, adam, batch_size, planned, clean, corrupted, arrays["losses"].reshape(-1, 2))

    def _require_finished(self) -> None:
        if not self.finished:
            raise ScoreError(f"{self.done} of {self.total} steps are taken; finish the training first")
