"""What a metric may look at besides logits: the answers of a batch, padded to one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


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
    `clean_logits` is filled, detached, for metrics that say they need it.
    """

    answers: Int64[Tensor, "batch n_answers"]
    answers_mask: Bool[Tensor, "batch n_answers"]
    wrong_answers: Int64[Tensor, "batch n_wrong"]
    wrong_answers_mask: Bool[Tensor, "batch n_wrong"]
    position_mask: Bool[Tensor, "batch n_positions"]
    clean_logits: Float[Tensor, "batch n_positions vocab"] | None = None

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
        return MetricBatch(
            self.answers.to(device),
            self.answers_mask.to(device),
            self.wrong_answers.to(device),
            self.wrong_answers_mask.to(device),
            self.position_mask.to(device),
            None if self.clean_logits is None else self.clean_logits.to(device),
        )

    def with_clean_logits(self, logits: Float[Tensor, "batch n_positions vocab"]) -> MetricBatch:
        """Return the same batch with the clean run's logits, detached."""
        return replace(self, clean_logits=logits.detach())

    @cached_property
    def clean_log_probabilities(self) -> Float[Tensor, "batch n_positions vocab"] | None:
        """Logarithm of the clean run's softmax, at least in float32; made once, for a metric that is called often."""
        if self.clean_logits is None:
            return None
        return torch.log_softmax(_precise(self.clean_logits), -1)

    @cached_property
    def clean_probabilities(self) -> Float[Tensor, "batch n_positions vocab"] | None:
        """The clean run's softmax, likewise."""
        log_p = self.clean_log_probabilities
        return None if log_p is None else log_p.exp()

    @cached_property
    def rules_out(self) -> bool:
        """Whether the clean run gives some token no probability at all."""
        p = self.clean_probabilities
        return p is not None and not bool((p > 0).all())

    def of_answers(self) -> tuple[Int64[Tensor, "batch n_tokens"], MetricBatch]:
        """The tokens that each prompt names, answers first, and the same batch with these tokens for a vocabulary."""
        n_answers, n_wrong = self.answers.shape[1], self.wrong_answers.shape[1]
        places = torch.arange(n_answers + n_wrong, device=self.answers.device).expand(len(self), -1)
        named = replace(self, answers=places[:, :n_answers], wrong_answers=places[:, n_answers:], clean_logits=None)
        return torch.cat([self.answers, self.wrong_answers], 1), named

    def __len__(self) -> int:
        """Number of prompts."""
        return int(self.answers.shape[0])


def _precise(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


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
