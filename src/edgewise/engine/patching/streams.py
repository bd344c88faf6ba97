"""The streams that patched destinations read, mixed from the table of changes a few tokens at a time.

Where many edges are patched, by a dense product of weights and table; where few are, by adding up the rows that count,
which is what an embedding bag does. Either way what is made stays in the cache until it is normed and projected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from edgewise.engine.patching.read_plan import Reading
from edgewise.engine.run.buffers import Buffers

# Tokens times destinations that are made at a time.
AT_ONCE = {"cpu": 4_096}
AT_ONCE_ELSEWHERE = 65_536


@dataclass(frozen=True)
class Read:
    """Some destinations as some rows read them.

    Args:
        rows: of the run.
        columns: the destinations.
        stream: ``[n, rows, pos, d_model]``.
    """

    rows: slice
    columns: Int[Tensor, " n"]
    stream: Float[Tensor, "n rows pos d_model"]


def streams(reading: Reading, table: Float[Tensor, "terms rows pos d_model"], buffers: Buffers) -> Iterator[Read]:
    """What every column of a reading reads, good until the next is made.

    Args:
        reading: the columns and their weights.
        table: the streams and changes; rows are masks times prompts.
        buffers: memory to write into.
    """
    n_masks, n_columns = reading.weights.shape[:2]
    n_prompts = table.shape[1] // n_masks
    if not n_columns:
        return
    at_once = max(1, AT_ONCE.get(table.device.type, AT_ONCE_ELSEWHERE) // (n_columns * table.shape[2]))
    for masks, prompts in _pieces(n_masks, n_prompts, at_once):
        rows = slice(masks.start * n_prompts + prompts.start, (masks.stop - 1) * n_prompts + prompts.stop)
        weights = reading.weights[masks]
        if reading.dense:
            into = buffers.take("read", (n_columns, rows.stop - rows.start, *table.shape[2:]), table, table.dtype)
            _dense(weights, table[:, rows], into)
        else:
            into = _bags(weights, table, rows)
        yield Read(rows, reading.columns, into)


def _pieces(n_masks: int, n_prompts: int, at_once: int) -> Iterator[tuple[slice, slice]]:
    """Masks and prompts, so many rows at a time: some prompts of one mask, or all prompts of some masks."""
    if at_once < n_prompts:
        for mask in range(n_masks):
            for first in range(0, n_prompts, at_once):
                yield slice(mask, mask + 1), slice(first, min(first + at_once, n_prompts))
        return
    step = at_once // n_prompts
    for first in range(0, n_masks, step):
        yield slice(first, min(first + step, n_masks)), slice(0, n_prompts)


def _dense(
    weights: Float[Tensor, "masks n terms"],
    table: Float[Tensor, "terms rows pos d_model"],
    into: Float[Tensor, "n rows pos d_model"],
) -> None:
    """One matrix product a mask."""
    n_rows = table.shape[1] // len(weights)
    for mask, weight in enumerate(weights):
        rows = slice(mask * n_rows, (mask + 1) * n_rows)
        torch.mm(weight, table[:, rows].flatten(1), out=into[:, rows].flatten(1))


def _bags(
    weights: Float[Tensor, "masks n terms"], table: Float[Tensor, "terms rows pos d_model"], rows: slice
) -> Float[Tensor, "n some_rows pos d_model"]:
    """A weighted sum of rows of the table for every column and row, of the terms whose weight is not zero.

    Args:
        weights: of as many masks as the rows belong to.
        table: whole.
        rows: of the run.
    """
    n_masks, n_columns, _ = weights.shape
    n_rows = rows.stop - rows.start
    by_column = weights.transpose(0, 1)
    column, mask, term = by_column.nonzero().unbind(1)
    sizes = torch.bincount(column * n_masks + mask, minlength=n_columns * n_masks)
    # Bags in the order of column, mask and prompt; each prompt's bag repeats its mask's terms.
    per_mask = n_rows // n_masks
    bag_sizes = sizes.repeat_interleave(per_mask)
    ends = bag_sizes.cumsum(0)
    bag = torch.arange(len(bag_sizes), device=ends.device).repeat_interleave(bag_sizes)
    place = torch.arange(len(bag), device=ends.device) - (ends - bag_sizes)[bag]
    entry = (sizes.cumsum(0) - sizes)[bag // per_mask] + place
    index = term[entry] * table.shape[1] + rows.start + bag % n_rows
    amount = by_column[column, mask, term][entry]
    mixed = embedding_bag(
        index, table.flatten(0, 1).flatten(1), ends - bag_sizes, mode="sum", per_sample_weights=amount
    )
    return mixed.view(n_columns, n_rows, *table.shape[2:])
