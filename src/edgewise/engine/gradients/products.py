"""The product behind every edge score: source differences against destination gradients, prompt by prompt."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def edge_products(
    differences: Float[Tensor, "source batch pos d_model"],
    gradients: Float[Tensor, "destination batch pos d_model"],
) -> Float[Tensor, "batch source destination"]:
    """``score[b, u, v] = sum over pos, d_model of differences[u, b] * gradients[v, b]``.

    One matrix product a prompt, ``[destination, pos * d_model] x [pos * d_model, source]``: it costs what the product
    summed over prompts costs, and leaves mean, variance and per-prompt scores to the caller.
    """
    per_prompt_gradients = gradients.flatten(2).transpose(0, 1)
    per_prompt_differences = differences.flatten(2).transpose(0, 1)
    return torch.bmm(per_prompt_gradients, per_prompt_differences.mT).mT


def token_products(
    differences: Float[Tensor, "source batch pos d_model"],
    gradients: Float[Tensor, "destination batch pos d_model"],
) -> Float[Tensor, "token source destination"]:
    """The same of each token by itself: one matrix product a token, as many multiplications in all."""
    per_token_gradients = gradients.flatten(1, 2).transpose(0, 1)
    per_token_differences = differences.flatten(1, 2).permute(1, 2, 0)
    return torch.bmm(per_token_gradients, per_token_differences).mT
