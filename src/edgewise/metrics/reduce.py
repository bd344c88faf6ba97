"""The steps metrics share: logits of the answers, and means that skip the padding."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def at_tokens(
    logits: Float[Tensor, "batch n_positions vocab"], tokens: Int64[Tensor, "batch n_tokens"]
) -> Float[Tensor, "batch n_positions n_tokens"]:
    """Logits of each prompt's own tokens, at every position."""
    index = tokens[:, None, :].expand(-1, logits.shape[1], -1)
    return logits.gather(-1, index)


def masked_mean(
    values: Float[Tensor, "batch n_positions n_tokens"], mask: Bool[Tensor, "batch n_tokens"]
) -> Float[Tensor, "batch n_positions"]:
    """Mean over a prompt's real tokens; NaN for a prompt that has none, which must not pass for a number."""
    total = values.masked_fill(~mask[:, None, :], 0.0).sum(-1)
    return total / mask.sum(-1, dtype=values.dtype)[:, None]


def masked_max(
    values: Float[Tensor, "batch n_positions n_tokens"], mask: Bool[Tensor, "batch n_tokens"]
) -> Float[Tensor, "batch n_positions"]:
    """The largest over a prompt's real tokens."""
    return values.masked_fill(~mask[:, None, :], float("-inf")).amax(-1)


def masked_mass(
    values: Float[Tensor, "batch n_positions n_tokens"], mask: Bool[Tensor, "batch n_tokens"]
) -> Float[Tensor, "batch n_positions"]:
    """Log of the sum of exponentials over a prompt's real tokens: of logits, their mass but for a common factor."""
    return torch.logsumexp(values.masked_fill(~mask[:, None, :], float("-inf")), -1)


def mean_over_positions(
    values: Float[Tensor, "batch n_positions"], mask: Bool[Tensor, "batch n_positions"]
) -> Float[Tensor, " batch"]:
    """Mean over the positions that a prompt really reads."""
    return values.masked_fill(~mask, 0.0).sum(-1) / mask.sum(-1, dtype=values.dtype)


def log_probabilities(
    logits: Float[Tensor, "batch n_positions vocab"], tokens: Int64[Tensor, "batch n_tokens"]
) -> Float[Tensor, "batch n_positions n_tokens"]:
    """Log of the full softmax at each prompt's own tokens, without forming it for the whole vocabulary."""
    return at_tokens(logits, tokens) - torch.logsumexp(logits, -1, keepdim=True)
