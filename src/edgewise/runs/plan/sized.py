"""What is asked for, and how many prompts at a time fit: as the run finds them, with the weights counted as there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from edgewise.engine.run.at_once import planned_for
from edgewise.engine.run.batches import arrange, taken
from edgewise.engine.run.memory import evenly
from edgewise.engine.run.need import Need
from edgewise.errors import MemoryLimitError
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.plan import work as pieces
from edgewise.runs.plan.place import Place
from edgewise.tasks import PromptPair


@dataclass(frozen=True)
class Sized:
    """What is asked for, and what of it fits."""

    config: RunConfig
    whole: Model
    pairs: Sequence[PromptPair]
    metric: Metric
    place: Place
    n_processes: int

    @property
    def weights(self) -> int:
        """Bytes of the model's parameters and buffers."""
        tensors = chain(self.whole.module.parameters(), self.whole.module.buffers())
        return sum({id(x): x.numel() * x.element_size() for x in tensors}.values())

    def rows(self, activations: float, *, shared: bool = True) -> int:
        """Prompts at a time, where processes share the prompts and where they share something else."""
        if self.config.batch_size is not None:
            return min(self.config.batch_size, len(self.pairs))
        with planned_for(self.place.kind):
            need = Need.of(self.whole, self.pairs, activations)
            try:
                most = need.on(1 / self.place.devices).most(self.place.room(self.weights), pieces.CPU)
            except MemoryLimitError:
                most = 1
        return evenly(most, len(self.pairs), self.n_processes if shared else 1)

    def batches(self, rows: int) -> list[list[PromptPair]]:
        """All prompts, a micro-batch at a time, the largest first."""
        causal = self.whole.wiring.causal
        found = taken(arrange(self.pairs, causal=causal), self.pairs, rows, causal=causal)
        batches = [[self.pairs[row] for row in batch] for batch in found]
        return sorted(batches, key=_tokens, reverse=True)


def _tokens(pairs: Sequence[PromptPair]) -> int:
    return len(pairs) * (max(max(pair.positions) for pair in pairs) + 1)


def times_of_first(batches: Sequence[Sequence[PromptPair]]) -> float:
    """All micro-batches, in times of the first."""
    return sum(map(_tokens, batches)) / _tokens(batches[0])
