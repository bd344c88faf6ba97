"""Probabilities over the full vocabulary, and how far one distribution is from another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# On a CPU, numbers that are worked on at a time: what lies in between then stays in the cache.
AT_ONCE = 2**18
# The logarithm of no probability at all, finite so that 0 times it is 0.
NONE = -1e30


@dataclass(frozen=True, eq=False, repr=False)
class Distribution:
    """What a run says comes next, at every position that is read.

    Args:
        log_p: logarithm of the softmax, at least in float32.
        p: the softmax.
        rules_out: whether some token has no probability at all.
    """

    log_p: Float[Tensor, "batch n_positions vocab"]
    p: Float[Tensor, "batch n_positions vocab"]
    rules_out: bool

    @classmethod
    def of(cls, logits: Float[Tensor, "batch n_positions vocab"]) -> Distribution:
        """From logits."""
        log_p = torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), -1)
        p = log_p.exp()
        return cls(log_p, p, not bool((p > 0).all()))

    def split(self, rows: int) -> Iterator[Distribution]:
        """So many prompts at a time."""
        for log_p, p in zip(self.log_p.split(rows), self.p.split(rows), strict=True):
            yield Distribution(log_p, p, self.rules_out)


Distance = Callable[[Distribution, Tensor], Tensor]


def from_target(
    distance: Distance, target: Distribution, logits: Float[Tensor, "batch n_positions vocab"]
) -> Float[Tensor, "batch n_positions"]:
    """A distance from a target of what logits say, some prompts at a time.

    Args:
        distance: of (target, logarithm of the softmax), of some prompts.
        target: of all prompts.
        logits: of all prompts.
    """
    rows = len(logits) if logits.is_cuda else max(1, AT_ONCE // logits[0].numel())
    parts = zip(target.split(rows), logits.split(rows), strict=True)
    return torch.cat([distance(of_some, torch.log_softmax(some, -1)) for of_some, some in parts])


def relative_entropy(target: Distribution, log_q: Tensor) -> Float[Tensor, "batch n_positions"]:
    """KL(p || q) = sum over tokens t of p(t) (log p(t) - log q(t)), in nats."""
    difference = target.log_p - log_q
    if target.rules_out:
        # Such a token (logit -inf) contributes nothing, where 0 * inf would make NaN.
        difference = torch.where(target.p > 0, difference, 0.0)
    total: Tensor = torch.linalg.vecdot(target.p.to(difference.dtype), difference)
    return total


def jensen_shannon(target: Distribution, log_q: Tensor) -> Float[Tensor, "batch n_positions"]:
    """JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, in nats: from 0 to ln 2 (Lin 1991)."""
    log_p, log_q = target.log_p.clamp_min(NONE), log_q.clamp_min(NONE)
    halfway = torch.logaddexp(log_p, log_q) - math.log(2)
    total: Tensor = (target.p * (log_p - halfway) + log_q.exp() * (log_q - halfway)).sum(-1) / 2
    return total
