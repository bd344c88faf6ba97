"""What states have in common whose numbers stand in a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.search.table.cells import Array, Table

# Names of the metric on the clean and the corrupted run among a table's numbers of prompts.
CLEAN, CORRUPTED = "clean", "corrupted"


class OnTable:
    """A state that counts runs of one prompt, one a target; a subclass is a dataclass with a field ``table``."""

    table: Table

    @property
    def finished(self) -> bool:
        """Whether the table is full."""
        return self.table.finished

    @property
    def done(self) -> int:
        """Runs done."""
        return round(self.table.passed(np.ones(self.table.n_targets)))

    @property
    def total(self) -> int:
        """All runs."""
        return self.table.n_prompts * self.table.n_targets

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The table as arrays, for storage."""
        return self.table.tensors()


class ScoringOnTable(OnTable):
    """A state of a method that scores, which counts prompts; the metric of each stands beside the table."""

    @property
    def done(self) -> int:
        """Prompts done."""
        return self.table.done_prompts

    @property
    def total(self) -> int:
        """Prompts in all."""
        return self.table.n_prompts

    @property
    def batch_size(self) -> int:
        """Prompts a micro-batch."""
        return self.table.batch_size

    @property
    def planned_batch_size(self) -> int:
        """The same as it was at the start."""
        return self.table.planned_batch_size

    @property
    def clean_metric(self) -> Array:
        """The metric of every prompt on the clean run, ``[n_prompts]``."""
        return self.table.of_prompts[CLEAN]

    @property
    def corrupted_metric(self) -> Array:
        """Likewise on the corrupted run."""
        return self.table.of_prompts[CORRUPTED]
