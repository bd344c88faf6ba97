"""Where estimating, doubting and measuring stand: enough to go on after a kill, and to give the scores at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgewise.attribution import AttributionState
from edgewise.errors import ScoreError
from edgewise.graph import EdgeScores, Graph, NodeScores
from edgewise.graph.stated_error import StatedError
from edgewise.search.exact.choice import Choice, Doubt
from edgewise.search.exact.combined import combined
from edgewise.search.exact.patching import PatchingState
from edgewise.search.exact.stated import recall, stated
from edgewise.settings.scoring import Level

Scores = EdgeScores | NodeScores
Stage = Literal["first", "second", "exact"]
Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class RefiningState:
    """Where the stages stand.

    Args:
        first: the pass of the method asked for.
        second: that of the second method, on some of the prompts; None before it begins, or where it refuses.
        exact: those of activation patching, a round each; none before the first begins.
        refusal: why there are no second estimates; empty where there are.
        both: the first estimates with the second in their place where that changes much, once both are there.
        unsure: how much is in doubt, likewise.
        choice: what is measured after the last of these rounds.
        enough: whether no further round follows.
        goal: what R squared was to be at least, by its limit; None for no goal.
        method: that of the first pass: the one asked for, or the second where its gradients vanish.
    """

    first: AttributionState
    second: AttributionState | None = None
    exact: tuple[PatchingState, ...] = ()
    refusal: str = ""
    both: AttributionState | None = None
    unsure: Doubt | None = None
    choice: Choice | None = None
    enough: bool = False
    goal: float | None = None
    method: str = "eap"

    @property
    def estimates(self) -> AttributionState:
        """Those that are measured, or not: of both methods, once they are there."""
        return self.first if self.both is None else self.both

    @property
    def stage(self) -> Stage:
        """What is being done."""
        if self.exact:
            return "exact"
        return "first" if self.second is None else "second"

    @property
    def _now(self) -> AttributionState | PatchingState:
        return self.exact[-1] if self.exact else self.second or self.first

    @property
    def finished(self) -> bool:
        """Whether all that was chosen is measured, and no further round follows."""
        return self.enough and all(part.finished for part in self.exact)

    @property
    def done(self) -> int:
        """How much of the stage is done: prompts, and then forward passes of one prompt."""
        return self._now.done

    @property
    def total(self) -> int:
        """Of how much."""
        return self._now.total

    @property
    def batch_size(self) -> int:
        """Prompts a micro-batch of the first stage."""
        return self.first.batch_size

    @property
    def planned_batch_size(self) -> int:
        """The same as it was at the start."""
        return self.first.planned_batch_size

    @property
    def clean_metric(self) -> npt.NDArray[np.float64]:
        """The metric of every prompt on the clean run, ``[n_prompts]``."""
        return self.first.clean_metric

    @property
    def corrupted_metric(self) -> npt.NDArray[np.float64]:
        """Likewise on the corrupted run."""
        return self.first.corrupted_metric

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything but the graph as arrays, for storage."""
        arrays = {"refusal": np.frombuffer(self.refusal.encode(), dtype=np.uint8)} if self.refusal else {}
        parts: dict[str, AttributionState | PatchingState | None] = {"first": self.first, "second": self.second}
        parts |= {f"exact{number}": part for number, part in enumerate(self.exact)}
        for stage, part in parts.items():
            arrays |= {f"{stage}.{name}": array for name, array in (part.tensors() if part else {}).items()}
        return arrays

    def scores(self) -> Scores:
        """Exact effects where they were measured, and the estimates elsewhere.

        Raises:
            ScoreError: the pass is not finished.
        """
        if not self.finished:
            raise ScoreError("exact effects are not all measured yet; finish the pass first")
        return self._so_far

    @cached_property
    def _so_far(self) -> Scores:
        scores = self.estimates.scores()
        for part in self.exact:
            scores = combined(scores, part.scores())
        if scores.verified is None or self.choice is None or self.unsure is None:
            return scores
        return replace(scores, doubt=self.unsure.sizes, drawn=self.choice.drawn)

    def stated(self) -> StatedError | None:
        """How wrong the scores are, by what was drawn; None where too little was."""
        if self.choice is None or self.unsure is None:
            return None
        exact, estimates = self._so_far.values, self.estimates.scores().values
        return stated(self.choice, self.unsure.sizes, estimates, exact)

    def recall(self, k: int) -> float | None:
        """Of the k largest exact effects the share among the k largest scores; None where too little was drawn."""
        if self.choice is None:
            return None
        return recall(self.choice, self.estimates.scores().values, self._so_far.values, k)


def stored_estimates(stored: Tensors, graph: Graph, level: Level, per_prompt: bool) -> RefiningState:
    """The stored state, of scores of a graph, without what was measured."""
    first, second = part_of(stored, "first"), part_of(stored, "second")
    return RefiningState(
        AttributionState.from_tensors(first, graph, level=level, per_prompt=per_prompt),
        AttributionState.from_tensors(second, graph, level=level, per_prompt=True) if second else None,
        refusal=bytes(stored["refusal"]).decode() if "refusal" in stored else "",
    )


def part_of(stored: Tensors, stage: str) -> dict[str, npt.NDArray[Any]]:
    return {name.partition(".")[2]: array for name, array in stored.items() if name.partition(".")[0] == stage}
