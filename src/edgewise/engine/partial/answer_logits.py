"""Logits of a few tokens alone: the product with their columns of the unembedding, in place of the whole of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from edgewise.engine.partial.clean import CleanRun
from edgewise.models.wiring import input_major, linear_bias


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of some tokens, each prompt's own.

    Args:
        weight: the unembedding's.
        bias: likewise, where it has one.
    """

    weight: Float[Tensor, "batch d_model n_tokens"]
    bias: Float[Tensor, "batch 1 n_tokens"] | None

    def __call__(self, normed: Float[Tensor, "rows n_positions d_model"]) -> Float[Tensor, "rows n_positions n_tokens"]:
        """The logits, of the batch once or several times over."""
        times = len(normed) // len(self.weight)
        apart = normed.to(self.weight.device).unflatten(0, (times, len(self.weight)))
        logits: Tensor = apart @ self.weight if self.bias is None else apart @ self.weight + self.bias
        return logits.flatten(0, 1)


@torch.no_grad()
def columns_of(clean: CleanRun, tokens: Int64[Tensor, "batch n_tokens"]) -> Columns | None:
    """The columns of each prompt's own tokens; None where the model's logits are more than a plain product.

    A model that caps or scales what its unembedding returns hands on another tensor; one with hooks of its own, or with
    quantised weights, shows in the values.
    """
    module = clean.model.wiring.unembedding
    if not clean.unembedded_last or type(module) not in (nn.Linear, Conv1D, *clean.model.wiring.linear):
        return None
    bias = linear_bias(module)
    # Each prompt's columns, d_model second.
    whole, normed = input_major(module).T, clean.normed_at_answers
    there = tokens.to(whole.device)
    weight = whole[there].transpose(1, 2).contiguous()
    columns = Columns(weight, None if bias is None else bias[there][:, None])
    known = clean.logits.gather(-1, tokens[:, None].expand(-1, clean.logits.shape[1], -1))
    near = 1e-4 * known.abs().max() + 1e-6
    same = (columns(normed.to(weight.dtype)).to(known.device) - known).abs().max() <= near
    return columns if bool(same) else None
