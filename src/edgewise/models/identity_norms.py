"""A GPT-2 whose LayerNorms are the identity, for models whose every weight is set by hand.

1. The residual stream is pairs of opposite numbers, so its mean is zero. One pair in four, the first ones, holds a
   constant (+K, -K), put there by the position embedding.
2. So the variance of the stream is K^2 / 4 + (2 / d_model) * sum of s^2 over the other pairs (+s, -s), and with
   K = 2^15 the first term outweighs the second by far: the standard deviation is K / 2, whatever the others hold.
   A LayerNorm with the gain K / 2 on them is the identity there; its gain on the constants is 0.
3. A weight that reads s is (+w, -w) on its pair. What rounding adds to both numbers of a pair alike, as a mean that is
   not quite zero does, cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import transformers
from torch import nn

if TYPE_CHECKING:
    from transformers import GPT2Config, GPT2LMHeadModel

CONSTANT = 2.0**15


def constant_pairs(d_model: int) -> int:
    """How many of the stream's d_model / 2 pairs, the first ones, hold the constant: one in four."""
    return d_model // 8


def blank_gpt2(config: GPT2Config) -> GPT2LMHeadModel:
    """A GPT-2 in float64 and evaluation mode, of nothing but zeros; the caller's randomness is left alone."""
    with torch.random.fork_rng(devices=[]):
        module = transformers.GPT2LMHeadModel(config)
    module = module.to(torch.float64).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module


@torch.no_grad()
def hold_steady(module: GPT2LMHeadModel) -> None:
    """Put the constant into the stream, and the gain that makes an identity of it into every norm."""
    body, constants = module.transformer, constant_pairs(module.config.n_embd)
    body.wpe.weight[:, : 2 * constants : 2] = CONSTANT
    body.wpe.weight[:, 1 : 2 * constants : 2] = -CONSTANT
    norms: list[nn.LayerNorm] = [body.ln_f, *(norm for block in body.h for norm in (block.ln_1, block.ln_2))]
    for norm in norms:
        norm.weight[2 * constants :] = CONSTANT / 2
