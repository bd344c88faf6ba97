"""Numbers for every prompt and every target, filled a block at a time: the state of methods that run patched models.

A target is whatever is measured by runs of its own: an edge, a node, a circuit. A table is filled micro-batch after
micro-batch of prompts, and within one some targets after another, so a pass over the prompts' clean run serves all
targets. The blocks are the same whenever the table is begun with the same sizes: a table that was stored, read back and
filled further ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import DataError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Where a table stands.

    Args:
        values: what is measured of each target: name -> ``[n_prompts, n_targets]``, NaN where not yet done.
        of_prompts: what is measured of each prompt alone: name -> ``[n_prompts]``, NaN where not yet done.
        batch_size: prompts a micro-batch.
        planned_batch_size: the same as it was at the start; more than ``batch_size`` where memory ran out.
        at_once: targets a run.
        done_prompts: prompts of which every target is done.
        done_targets: targets that are done for the micro-batch at work.
    """

    values: Mapping[str, Array]
    of_prompts: Mapping[str, Array]
    batch_size: int
    planned_batch_size: int
    at_once: int
    done_prompts: int = 0
    done_targets: int = 0

    @classmethod
    def empty(
        cls,
        names: Sequence[str],
        prompt_names: Sequence[str],
        *,
        n_prompts: int,
        n_targets: int,
        batch_size: int,
        at_once: int,
    ) -> Table:
        """Before anything was measured."""
        return cls(
            {name: np.full((n_prompts, n_targets), np.nan) for name in names},
            {name: np.full(n_prompts, np.nan) for name in prompt_names},
            batch_size,
            batch_size,
            at_once,
        )

    @property
    def n_prompts(self) -> int:
        """Number of prompts."""
        return len(next(iter(self.values.values())))

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return int(next(iter(self.values.values())).shape[1])

    @property
    def finished(self) -> bool:
        """Whether every target of every prompt is done."""
        return self.done_prompts == self.n_prompts

    def require(self, n_prompts: int, n_targets: int) -> None:
        """Refuse a stored table of other prompts or targets. Raises DataError."""
        if (self.n_prompts, self.n_targets) != (n_prompts, n_targets):
            raise DataError(
                f"the stored state is of {self.n_prompts} prompts and {self.n_targets} targets, but {n_prompts} and"
                f" {n_targets} were given; begin again"
            )

    def passed(self, costs: Array) -> float:
        """What was spent: the costs of the targets that are done, once for every prompt.

        Args:
            costs: of one prompt, by target, ``[n_targets]``.
        """
        rows = min(self.batch_size, self.n_prompts - self.done_prompts)
        return float(self.done_prompts * costs.sum() + rows * costs[: self.done_targets].sum())

    def with_batch_size(self, rows: int, at_once: int) -> Table:
        """The same table, to go on with other sizes; the micro-batch at work is begun again."""
        return replace(self, batch_size=rows, at_once=at_once, done_targets=0)

    def copied(self) -> Table:
        """The same table with arrays of its own."""
        return replace(
            self,
            values={name: array.copy() for name, array in self.values.items()},
            of_prompts={name: array.copy() for name, array in self.of_prompts.items()},
        )

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as arrays, for storage."""
        counts = [self.batch_size, self.planned_batch_size, self.at_once, self.done_prompts, self.done_targets]
        values = {f"values.{name}": array for name, array in self.values.items()}
        of_prompts = {f"prompts.{name}": array for name, array in self.of_prompts.items()}
        return {"counts": np.array(counts, dtype=np.int64), **values, **of_prompts}

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Table:
        """The table that `tensors` described."""

        def named(kind: str) -> dict[str, Array]:
            return {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)}

        return cls(named("values."), named("prompts."), *(int(count) for count in arrays["counts"]))
