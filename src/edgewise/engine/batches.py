"""From prompt pairs to padded tensors, and the plan that divides prompts into micro-batches.

Rows are padded on the right with their own last token: in a causal model nothing a row reads comes after its last
token, so no mask is needed and a row scores what it scores alone. Tokens after the last position that is read are cut.
In a bidirectional model every token counts: rows of one length go together, and nothing is padded or cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from edgewise.engine.answers import Answers
from edgewise.metrics import MetricBatch
from edgewise.tasks import PromptPair


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
        differs: from ``start`` on, False before a row's own first difference; None where all of it is True.
    """

    clean: Int[Tensor, "batch pos"]
    corrupted: Int[Tensor, "batch pos"]
    positions: Int[Tensor, "batch n_positions"]
    metric: MetricBatch
    start: int
    differs: Bool[Tensor, "batch span"] | None = None

    @property
    def n_rows(self) -> int:
        """Number of prompts."""
        return self.clean.shape[0]

    @property
    def answers(self) -> Answers:
        """Where logits are read, counted from the prompts' first token."""
        return Answers(self.positions, self.metric.position_mask)

    @classmethod
    def of(cls, pairs: Sequence[PromptPair], device: torch.device, *, causal: bool = True) -> Batch:
        """Pad prompt pairs into one batch on a device; those for a bidirectional model are of one length."""
        length = max(max(pair.positions) + 1 if causal else len(pair) for pair in pairs)
        reads = max(len(pair.positions) for pair in pairs)
        firsts = [pair.first_difference() if causal else 0 for pair in pairs]
        start = min(min(first, *pair.positions) for first, pair in zip(firsts, pairs, strict=True)) if causal else 0
        return cls(
            clean=_ids([pair.clean for pair in pairs], length, device),
            corrupted=_ids([pair.corrupted for pair in pairs], length, device),
            positions=_ids([pair.positions for pair in pairs], reads, device),
            metric=MetricBatch.from_pairs(pairs, device),
            start=start,
            differs=_from_first(firsts, start, length, device),
        )


def plan(pairs: Sequence[PromptPair], batch_size: int, *, padded: bool = True) -> list[list[int]]:
    """Divide prompts into micro-batches of at most ``batch_size``, prompts of like length together.

    Args:
        pairs: the prompts.
        batch_size: prompts in a micro-batch at most.
        padded: whether rows of a micro-batch may be padded to one length; if not, they are of one length.

    Returns:
        Lists of indices into ``pairs``; every index once, the order the same for the same prompts.
    """
    if not padded:
        lengths = sorted({len(pair) for pair in pairs})
        groups = [[i for i, pair in enumerate(pairs) if len(pair) == length] for length in lengths]
    else:
        groups = [sorted(range(len(pairs)), key=lambda i: (max(pairs[i].positions), pairs[i].first_difference(), i))]
    return [group[i : i + batch_size] for group in groups for i in range(0, len(group), batch_size)]


def _from_first(firsts: Sequence[int], start: int, length: int, device: torch.device) -> Tensor | None:
    if all(first <= start for first in firsts):
        return None
    return torch.arange(start, length, device=device) >= torch.tensor(firsts, device=device)[:, None]


def _ids(rows: Sequence[tuple[int, ...]], length: int, device: torch.device) -> Tensor:
    padded = [row[:length] + row[-1:] * (length - len(row)) for row in rows]
    return torch.tensor(padded, dtype=torch.long, device=device)
