"""From prompt pairs to padded tensors, and the order in which prompts are divided into micro-batches.

Rows are padded on the right with their own last token: in a causal model nothing a row reads comes after its last
token, so no mask is needed and a row scores what it scores alone. Tokens after the last position that is read are cut.
In a bidirectional model every token counts: rows of one length go together, and nothing is padded or cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from edgewise.engine.run.answers import Answers
from edgewise.engine.run.places import TokenPlaces
from edgewise.metrics import MetricBatch
from edgewise.tasks import PromptPair

# Lengths and first differences that differ by less than this many tokens are alike.
LIKE = 8


@dataclass(frozen=True)
class Batch:
    """Some prompts as tensors.

    Args:
        clean: token ids ``[batch, pos]``.
        corrupted: token ids ``[batch, pos]``.
        positions: where logits are read, ``[batch, n_positions]``; padded with the row's last read position.
        metric: answers and masks for the metric.
        start: the first position at which any of the pairs differ, or that any of them reads; under resample
            ablation nothing before it can matter; 0 for a bidirectional model.
        real: False at padding, and after the last position that a row of a causal model reads, ``[batch, pos]``.
        differs: from ``start`` on, False before a row's own first difference; None where all of it is True.
        whole_places: of all tokens; None where nothing is kept apart by place.
    """

    clean: Int[Tensor, "batch pos"]
    corrupted: Int[Tensor, "batch pos"]
    positions: Int[Tensor, "batch n_positions"]
    metric: MetricBatch
    start: int
    real: Bool[Tensor, "batch pos"]
    differs: Bool[Tensor, "batch span"] | None = None
    whole_places: TokenPlaces | None = None

    @property
    def n_rows(self) -> int:
        """Number of prompts."""
        return self.clean.shape[0]

    @property
    def places(self) -> TokenPlaces | None:
        """Of the tokens from ``start`` on."""
        return None if self.whole_places is None else self.whole_places.behind(self.start)

    @property
    def answers(self) -> Answers:
        """Where logits are read, counted from the prompts' first token."""
        return Answers(self.positions, self.metric.position_mask)

    @classmethod
    def of(cls, pairs: Sequence[PromptPair], device: torch.device, *, causal: bool = True) -> Batch:
        """Pad prompt pairs into one batch on a device; those for a bidirectional model are of one length."""
        ends = [max(pair.positions) + 1 if causal else len(pair) for pair in pairs]
        length = max(ends)
        reads = max(len(pair.positions) for pair in pairs)
        firsts = [pair.first_difference() if causal else 0 for pair in pairs]
        start, positions = _start(pairs, causal), _ids([pair.positions for pair in pairs], reads, device)
        return cls(
            clean=_ids([pair.clean for pair in pairs], length, device),
            corrupted=_ids([pair.corrupted for pair in pairs], length, device),
            positions=positions,
            metric=MetricBatch.from_pairs(pairs, device),
            start=start,
            real=torch.arange(length, device=device) < torch.tensor(ends, device=device)[:, None],
            differs=_from_first(firsts, start, length, device),
            whole_places=TokenPlaces.of(pairs, length, positions),
        )


def arrange(pairs: Sequence[PromptPair], *, causal: bool = True) -> list[int]:
    """An order of the prompts in which neighbours go well together: of like length, with like first differences.

    Within a micro-batch the shortest prefix counts for all, and the longest row; in a causal model that is the last
    position read. The order is the same for the same prompts, whatever the micro-batch.

    Returns:
        The indices into ``pairs``.
    """

    def key(i: int) -> tuple[int, ...]:
        if not causal:
            return (len(pairs[i]), i)
        last, first = max(pairs[i].positions), min(pairs[i].first_difference(), *pairs[i].positions)
        return (last // LIKE, first // LIKE, last, first, i)

    return sorted(range(len(pairs)), key=key)


def take(order: Sequence[int], pairs: Sequence[PromptPair], done: int, size: int, *, causal: bool = True) -> list[int]:
    """The next micro-batch: at most ``size`` prompts of an order, after those that are done.

    Rows for a bidirectional model are of one length, since none can be padded.
    """
    rows = list(order[done : done + size])
    return rows if causal else [i for i in rows if len(pairs[i]) == len(pairs[rows[0]])]


def share(
    order: Sequence[int], pairs: Sequence[PromptPair], done: int, size: int, n: int, *, causal: bool = True
) -> list[list[int]]:
    """The next n micro-batches, fewer where the order ends: one a process."""
    parts: list[list[int]] = []
    while len(parts) < n and done < len(order):
        parts.append(take(order, pairs, done, size, causal=causal))
        done += len(parts[-1])
    return parts


def tokens_a_run(pairs: Sequence[PromptPair], size: int, *, causal: bool = True) -> int:
    """The most tokens that a run of one micro-batch computes: behind what its rows and both their prompts share."""
    most = 1
    for rows in taken(arrange(pairs, causal=causal), pairs, size, causal=causal):
        some = [pairs[row] for row in rows]
        length = max(max(pair.positions) + 1 if causal else len(pair) for pair in some)
        most = max(most, len(some) * (length - _start(some, causal)))
    return most


def taken(order: Sequence[int], pairs: Sequence[PromptPair], size: int, *, causal: bool = True) -> Iterator[list[int]]:
    """All of an order, a micro-batch at a time."""
    done = 0
    while done < len(order):
        rows = take(order, pairs, done, size, causal=causal)
        yield rows
        done += len(rows)


def divide(
    pairs: Sequence[PromptPair], size: int, device: torch.device, *, causal: bool = True
) -> Iterator[tuple[list[int], Batch]]:
    """All prompts, a micro-batch at a time, for passes that are not stopped in between.

    Yields:
        The indices into ``pairs``, and these prompts.
    """
    for rows in taken(arrange(pairs, causal=causal), pairs, size, causal=causal):
        yield rows, Batch.of([pairs[i] for i in rows], device, causal=causal)


def _start(pairs: Sequence[PromptPair], causal: bool) -> int:
    """Where a run begins: at the first difference of any row, or the first position that one reads."""
    return min(min(pair.first_difference(), *pair.positions) for pair in pairs) if causal else 0


def _from_first(firsts: Sequence[int], start: int, length: int, device: torch.device) -> Tensor | None:
    if all(first <= start for first in firsts):
        return None
    return torch.arange(start, length, device=device) >= torch.tensor(firsts, device=device)[:, None]


def _ids(rows: Sequence[tuple[int, ...]], length: int, device: torch.device) -> Tensor:
    padded = [row[:length] + row[-1:] * (length - len(row)) for row in rows]
    return torch.tensor(padded, dtype=torch.long, device=device)
