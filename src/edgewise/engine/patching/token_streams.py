"""The streams that patched destinations read where the tokens of a row read by masks of their own.

As `edgewise.engine.patching.streams`, token by token: those of one mask together in a dense product, or a bag of rows
of the table for each token.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from edgewise.engine.patching.read_plan import Reading
from edgewise.engine.patching.streams import AT_ONCE, AT_ONCE_ELSEWHERE, Read
from edgewise.engine.run.buffers import Buffers


def token_streams(
    reading: Reading, table: Float[Tensor, "terms rows pos d_model"], groups: Int[Tensor, "rows pos"], buffers: Buffers
) -> Iterator[Read]:
    """What every column of a reading reads, good until the next is made.

    Args:
        reading: the columns and the weights of each mask.
        table: the streams and changes.
        groups: the number of the mask that each token reads by.
        buffers: memory to write into.
    """
    n_columns, (n_rows, length) = len(reading.columns), groups.shape
    if not n_columns:
        return
    at_once = max(1, AT_ONCE.get(table.device.type, AT_ONCE_ELSEWHERE) // (n_columns * length))
    for first in range(0, n_rows, at_once):
        rows = slice(first, min(first + at_once, n_rows))
        mine = groups[rows].flatten()
        if reading.dense:
            into = buffers.take("read", (n_columns, len(mine), table.shape[-1]), table, table.dtype)
            _dense(reading.weights, table[:, rows].flatten(1, 2), mine, into)
        else:
            into = _bags(reading.weights, table, mine, first * length)
        yield Read(rows, reading.columns, into.unflatten(1, (-1, length)))


def _dense(
    weights: Float[Tensor, "groups n terms"],
    table: Float[Tensor, "terms tokens d_model"],
    groups: Int[Tensor, " tokens"],
    into: Float[Tensor, "n tokens d_model"],
) -> None:
    """One matrix product a mask."""
    for group in groups.unique().tolist():
        tokens = (groups == group).nonzero()[:, 0]
        made = weights[group] @ table[:, tokens].flatten(1)
        into[:, tokens] = made.unflatten(1, (len(tokens), -1))


def _bags(
    weights: Float[Tensor, "groups n terms"],
    table: Float[Tensor, "terms rows pos d_model"],
    groups: Int[Tensor, " tokens"],
    first: int,
) -> Float[Tensor, "n tokens d_model"]:
    """A weighted sum of rows of the table for every column and token, of the terms whose weight is not zero.

    Args:
        weights: of all masks.
        table: whole.
        groups: of some consecutive tokens.
        first: the number of the first of them.
    """
    n_groups, n_columns, _ = weights.shape
    by_column = weights.transpose(0, 1)
    column, group, term = by_column.nonzero().unbind(1)
    sizes = torch.bincount(column * n_groups + group, minlength=n_columns * n_groups)
    begins = (sizes.cumsum(0) - sizes).view(n_columns, n_groups)[:, groups].flatten()
    # Bags in the order of column and token; each token's bag repeats its mask's terms.
    bag_sizes = sizes.view(n_columns, n_groups)[:, groups].flatten()
    ends = bag_sizes.cumsum(0)
    bag = torch.arange(len(bag_sizes), device=ends.device).repeat_interleave(bag_sizes)
    within = torch.arange(len(bag), device=ends.device) - (ends - bag_sizes)[bag]
    entry = begins[bag] + within
    n_tokens = table.shape[1] * table.shape[2]
    index = term[entry] * n_tokens + first + bag % len(groups)
    amount = by_column[column, group, term][entry]
    mixed = embedding_bag(index, table.flatten(0, 2), ends - bag_sizes, mode="sum", per_sample_weights=amount)
    return mixed.view(n_columns, len(groups), -1)
