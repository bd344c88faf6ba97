"""The loop of tables whose targets are all measured by one run of a prompt: processes share the prompts out.

It is a generator of tables, as `edgewise.search.table.fill`; there a run measures one target, and targets are shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy.typing as npt
from torch import Tensor

from edgewise import processes
from edgewise.engine.run.batches import Batch, arrange, share
from edgewise.engine.run.memory import micro_batch, shared
from edgewise.engine.run.references import with_references
from edgewise.engine.run.room import release
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.out_of_memory import is_out_of_memory
from edgewise.search.table.cells import Array, Table
from edgewise.search.table.fill import plainly, say_smaller
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair


class WholeMeasurement(Protocol):
    """What a table is filled with.

    Attributes:
        names: what is measured of each target.
        prompt_names: what is measured of each prompt alone.
        n_targets: how many targets there are.
    """

    @property
    def metric(self) -> Metric:
        """What is measured of logits."""
        ...

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def prompt_names(self) -> tuple[str, ...]: ...
    @property
    def n_targets(self) -> int: ...
    def measure(self, batch: Batch) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Of the prompts alone, name -> ``[batch]``, and of all targets, name -> ``[batch, targets]``."""
        ...


def start(
    model: Model,
    pairs: Sequence[PromptPair],
    work: WholeMeasurement,
    conditions: Conditions,
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Table:
    """An empty table of as many prompts at a time as fit, and leave some to every process; or the stored one.

    Raises:
        MemoryLimitError: the memory is too little for one prompt.
    """
    if stored is not None:
        return Table.from_tensors(stored)
    rows = shared(micro_batch(model, pairs, conditions), len(pairs), conditions)
    sizes = {"n_prompts": len(pairs), "n_targets": work.n_targets, "batch_size": rows, "at_once": work.n_targets}
    return Table.empty(work.names, work.prompt_names, **sizes)


@one_at_a_time
def fill_by_prompts(model: Model, pairs: Sequence[PromptPair], work: WholeMeasurement, table: Table) -> Iterator[Table]:
    """Fill a table: yields it after one micro-batch of every process, the last time when it is finished.

    Args:
        model: the model; untouched whenever a table is yielded.
        pairs: the prompts, the same in the same order when a table is filled further.
        work: what is measured, likewise.
        table: where an earlier pass stopped, or an empty one.

    Raises:
        DataError: the table is of other prompts or targets.
    """
    table.require(len(pairs), work.n_targets)
    causal = model.wiring.causal
    order, table = arrange(pairs, causal=causal), table.copied()
    while not table.finished:
        parts = share(order, pairs, table.done_prompts, table.batch_size, processes.size(), causal=causal)
        own = parts[processes.rank()] if processes.rank() < len(parts) else []
        most = max(map(len, parts))
        try:
            measured = plainly(model, partial(processes.each, partial(_measured, model, pairs, own, work)))
        except (RuntimeError, MemoryError) as error:
            if most == 1 or not is_out_of_memory(error):
                raise
        else:
            for found in measured:
                found.enter(table)
            table = replace(table, done_prompts=table.done_prompts + sum(map(len, parts)))
            yield table
            continue
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(model.device)
        table = table.with_batch_size((most + 1) // 2, table.at_once)
        say_smaller(f"{most} prompts", f"{table.batch_size}")


@dataclass(frozen=True)
class _Found:
    """What one process measured of its prompts.

    Args:
        rows: the prompts.
        of_prompts: name -> ``[rows]``.
        values: name -> ``[rows, targets]``.
    """

    rows: Sequence[int]
    of_prompts: Mapping[str, Array]
    values: Mapping[str, Array]

    def enter(self, table: Table) -> None:
        """Write it into a table."""
        for name, column in self.of_prompts.items():
            table.of_prompts[name][self.rows] = column
        for name, block in self.values.items():
            table.values[name][self.rows] = block


def _measured(model: Model, pairs: Sequence[PromptPair], rows: Sequence[int], work: WholeMeasurement) -> _Found:
    if not rows:
        return _Found([], {}, {})
    batch = Batch.of([pairs[i] for i in rows], model.device, causal=model.wiring.causal)
    of_prompts, values = work.measure(with_references(model, batch, work.metric))
    return _Found(rows, _arrays(of_prompts), _arrays(values))


def _arrays(found: Mapping[str, Tensor]) -> dict[str, Array]:
    return {name: values.detach().double().cpu().numpy() for name, values in found.items()}
