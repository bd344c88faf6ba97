"""What a metric may look at besides logits: the answers of a batch, padded to one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from edgewise.errors import MetricError
from edgewise.metrics.distribution import Distribution


@runtime_checkable
class HasAnswers(Protocol):
    """What is used of a prompt: tuples of token ids and of positions."""

    @property
    def answers(self) -> tuple[int, ...]:
        """Ids of the right tokens."""
        ...

    @property
    def wrong_answers(self) -> tuple[int, ...]:
        """Ids of the tokens they are compared with."""
        ...

    @property
    def positions(self) -> tuple[int, ...]:
        """Where logits are read."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class MetricBatch:
    """The answers of a batch of prompts, right-padded; a mask is True where an entry is real.

    `n_wrong` may be 0. `n_positions` is the largest number of positions that a prompt of the batch reads.
    `clean_logits` and `corrupted_logits`, those of both prompts with nothing patched, are filled, detached, for metrics
    that say they need them.
    """

    answers: Int64[Tensor, "batch n_answers"]
    answers_mask: Bool[Tensor, "batch n_answers"]
    wrong_answers: Int64[Tensor, "batch n_wrong"]
    wrong_answers_mask: Bool[Tensor, "batch n_wrong"]
    position_mask: Bool[Tensor, "batch n_positions"]
    clean_logits: Float[Tensor, "batch n_positions vocab"] | None = None
    corrupted_logits: Float[Tensor, "batch n_positions vocab"] | None = None

    def __repr__(self) -> str:
        """Show how many prompts it holds."""
        return f"MetricBatch({len(self.answers)} prompts)"

    @classmethod
    def from_pairs(cls, pairs: Sequence[HasAnswers], device: torch.device | str = "cpu") -> MetricBatch:
        """Pad the answers of some prompts to one shape.

        Args:
            pairs: the prompts of the batch, in its order.
            device: where the tensors go.
        """
        answers, answers_mask = _padded([pair.answers for pair in pairs], device)
        wrong, wrong_mask = _padded([pair.wrong_answers for pair in pairs], device)
        _, position_mask = _padded([pair.positions for pair in pairs], device)
        return cls(answers, answers_mask, wrong, wrong_mask, position_mask)

    def to(self, device: torch.device | str) -> MetricBatch:
        """Return the same batch on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def row(self, number: int) -> MetricBatch:
        """Return one prompt of the batch, padded as it is here."""
        return self._each(lambda tensor: tensor[number : number + 1])

    def _each(self, change: Callable[[Tensor], Tensor]) -> MetricBatch:
        return MetricBatch(
            change(self.answers),
            change(self.answers_mask),
            change(self.wrong_answers),
            change(self.wrong_answers_mask),
            change(self.position_mask),
            None if self.clean_logits is None else change(self.clean_logits),
            None if self.corrupted_logits is None else change(self.corrupted_logits),
        )

    def with_clean_logits(self, logits: Float[Tensor, "batch n_positions vocab"]) -> MetricBatch:
        """Return the same batch with the clean run's logits, detached."""
        return replace(self, clean_logits=logits.detach())

    def with_corrupted_logits(self, logits: Float[Tensor, "batch n_positions vocab"]) -> MetricBatch:
        """Return the same batch with the corrupted run's logits, detached."""
        return replace(self, corrupted_logits=logits.detach())

    def of_clean(self, metric: str) -> Distribution:
        """What the clean run says comes next, for a metric of that name; raises MetricError where it is not filled."""
        self.require_clean(metric)
        return self._clean

    def of_corrupted(self, metric: str) -> Distribution:
        """What the corrupted run says, likewise."""
        self.require_corrupted(metric)
        return self._corrupted

    def require_clean(self, metric: str) -> None:
        """Refuse to be without clean logits, for a metric of that name. Raises MetricError."""
        if self.clean_logits is None:
            raise MetricError(f"metric '{metric}' compares with the clean run; fill MetricBatch.clean_logits")

    def require_corrupted(self, metric: str) -> None:
        """Refuse to be without corrupted logits, likewise."""
        if self.corrupted_logits is None:
            raise MetricError(f"metric '{metric}' compares with the corrupted run; fill MetricBatch.corrupted_logits")

    # Made once, for a metric that is called often.

    @cached_property
    def _clean(self) -> Distribution:
        assert self.clean_logits is not None
        return Distribution.of(self.clean_logits)

    @cached_property
    def _corrupted(self) -> Distribution:
        assert self.corrupted_logits is not None
        return Distribution.of(self.corrupted_logits)

    def of_answers(self) -> tuple[Int64[Tensor, "batch n_tokens"], MetricBatch]:
        """The tokens that each prompt names, answers first, and the same batch with these tokens for a vocabulary."""
        n_answers, n_wrong = self.answers.shape[1], self.wrong_answers.shape[1]
        places = torch.arange(n_answers + n_wrong, device=self.answers.device).expand(len(self), -1)
        named = replace(
            self,
            answers=places[:, :n_answers],
            wrong_answers=places[:, n_answers:],
            clean_logits=None,
            corrupted_logits=None,
        )
        return torch.cat([self.answers, self.wrong_answers], 1), named

    def __len__(self) -> int:
        """Number of prompts."""
        return int(self.answers.shape[0])


def _padded(
    rows: Sequence[Sequence[int]], device: torch.device | str
) -> tuple[Int64[Tensor, "batch width"], Bool[Tensor, "batch width"]]:
    width = max((len(row) for row in rows), default=0)
    values = [[*row, *[0] * (width - len(row))] for row in rows]
    mask = [[True] * len(row) + [False] * (width - len(row)) for row in rows]
    shape = (len(rows), width)
    return (
        torch.tensor(values, dtype=torch.int64).reshape(shape).to(device),
        torch.tensor(mask, dtype=torch.bool).reshape(shape).to(device),
    )
