"""The one loop of all methods that run patched models: micro-batches of prompts, and in each some targets at a time.

It is a generator of tables: whoever drives it shows the progress, stores the table, or stops anywhere. Processes share
the targets of a micro-batch out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy.typing as npt
import torch
from torch import Tensor

from edgewise import processes
from edgewise.engine.run.at_once import most_tokens
from edgewise.engine.run.batches import Batch, arrange, take, tokens_a_run
from edgewise.engine.run.memory import evenly, fits
from edgewise.engine.run.references import with_references
from edgewise.engine.run.room import release
from edgewise.metrics import Metric
from edgewise.models import Model
from edgewise.models.alone import one_at_a_time
from edgewise.out_of_memory import is_out_of_memory
from edgewise.search.table.cells import Array, Table
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

Made = TypeVar("Made")


class OpenBatch(Protocol):
    """One micro-batch of prompts, run clean once, ready to be run with targets patched."""

    @property
    def of_prompts(self) -> Mapping[str, Tensor]:
        """What is measured of the prompts alone: name -> ``[batch]``."""
        ...

    def measure(self, targets: Sequence[int]) -> Mapping[str, Tensor]:
        """What is measured of some targets: name -> ``[targets, batch]``."""
        ...


class Measurement(Protocol):
    """What a table is filled with.

    Attributes:
        names: what is measured of each target.
        prompt_names: what is measured of each prompt alone.
        groups: of each target, a number that never falls; only targets of one group are run together.
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
    def groups(self) -> Sequence[int]: ...
    def open(self, batch: Batch) -> OpenBatch:
        """Run the prompts of a micro-batch clean, and whatever else all targets share."""
        ...


def start(
    model: Model,
    pairs: Sequence[PromptPair],
    work: Measurement,
    conditions: Conditions,
    stored: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Table:
    """An empty table whose sizes fit into memory, or the stored one.

    Args:
        model: the model.
        pairs: the prompts.
        work: what is to be measured.
        conditions: how much is run at a time.
        stored: the tensors of a table that was begun earlier; None for an empty one.

    Raises:
        MemoryLimitError: the memory is too little for one prompt.
    """
    if stored is not None:
        return Table.from_tensors(stored)
    most = fits(model, pairs, conditions)  # refuses too little memory, whatever number of prompts is asked for
    rows = conditions.batch_size or evenly(most, len(pairs))
    at_once = max(1, most_tokens(model.device) // tokens_a_run(pairs, rows, causal=model.wiring.causal))
    return Table.empty(
        work.names,
        work.prompt_names,
        n_prompts=len(pairs),
        n_targets=len(work.groups),
        batch_size=rows,
        at_once=at_once,
    )


@one_at_a_time
def fill(model: Model, pairs: Sequence[PromptPair], work: Measurement, table: Table) -> Iterator[Table]:
    """Fill a table: yields it after every run, the last time when it is finished.

    A table that was yielded is good until the next one is asked for.

    Args:
        model: the model; untouched whenever a table is yielded.
        pairs: the prompts, the same in the same order when a table is filled further.
        work: what is measured, likewise.
        table: where an earlier pass stopped, or an empty one.
    """
    table.require(len(pairs), len(work.groups))
    causal = model.wiring.causal
    order, table = arrange(pairs, causal=causal), table.copied()
    while not table.finished:
        rows = take(order, pairs, table.done_prompts, table.batch_size, causal=causal)
        try:
            for now in _micro_batch(model, pairs, rows, work, table):
                table = now
                yield table
            continue
        except (RuntimeError, MemoryError) as error:
            if (len(rows) == 1 and table.at_once == 1) or not is_out_of_memory(error):
                raise
        # Only here, where the exception and what it holds are gone, can the memory be given back.
        release(model.device)
        table = _smaller(table, len(rows))


def chunks(groups: Sequence[int], first: int, at_once: int) -> Iterator[range]:
    """The targets from ``first`` on, at most so many at a time and of one group."""
    while first < len(groups):
        last = first + 1
        while last < min(len(groups), first + at_once) and groups[last] == groups[first]:
            last += 1
        yield range(first, last)
        first = last


def _micro_batch(
    model: Model, pairs: Sequence[PromptPair], rows: list[int], work: Measurement, table: Table
) -> Iterator[Table]:
    batch = Batch.of([pairs[i] for i in rows], model.device, causal=model.wiring.causal)
    opened = plainly(model, lambda: processes.agree(lambda: work.open(with_references(model, batch, work.metric))))
    for name, values in opened.of_prompts.items():
        table.of_prompts[name][rows] = values.double().cpu().numpy()
    every = chunks(work.groups, table.done_targets, table.at_once)
    while parts := list(islice(every, processes.size())):
        for targets, measured in zip(parts, _measured(model, opened, parts), strict=False):
            for name, found in measured.items():
                table.values[name][rows, targets.start : targets.stop] = found
        if parts[-1].stop == table.n_targets:
            yield replace(table, done_prompts=table.done_prompts + len(rows), done_targets=0)
        else:
            table = replace(table, done_targets=parts[-1].stop)
            yield table


def _measured(model: Model, opened: OpenBatch, parts: Sequence[range]) -> list[dict[str, Array]]:
    """What is measured of the next targets, ``[batch, targets]``: each process measures some of them."""
    number = processes.rank()

    def own() -> dict[str, Array]:
        if number >= len(parts):
            return {}
        return {name: values.T.double().cpu().numpy() for name, values in opened.measure(parts[number]).items()}

    return plainly(model, lambda: processes.each(own))


def plainly(model: Model, make: Callable[[], Made]) -> Made:
    """Whatever the caller's context: no gradients, and products are not made in half precision."""
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(model.device.type, enabled=False):
        return make()


def _smaller(table: Table, rows: int) -> Table:
    before = f"{rows} prompts and {table.at_once} targets"
    smaller = (
        table.with_batch_size(table.batch_size, (table.at_once + 1) // 2)
        if table.at_once > 1
        else table.with_batch_size((rows + 1) // 2, 1)
    )
    say_smaller(before, f"{smaller.batch_size} and {smaller.at_once}")
    return smaller


def say_smaller(before: str, now: str) -> None:
    """Warn that less is run at a time from here on."""
    warnings.warn(f"out of memory with {before} at a time; going on with {now}, and no result changes", stacklevel=5)
