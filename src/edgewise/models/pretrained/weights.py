"""A checkpoint's weights in the module that its config describes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from edgewise.models.pretrained.library import from_pretrained


def read_module(
    name: str,
    source: str,
    config: Any,
    *,
    dtype: torch.dtype,
    attention: str | None,
    trust_remote_code: bool = False,
    **more: Any,
) -> nn.Module:
    """The module with its weights, in evaluation mode, on the CPU.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        config: its config.
        dtype: floating-point type of its weights.
        attention: how attention is computed; None leaves it to ``transformers``.
        trust_remote_code: run code that the repository carries.
        more: what else ``transformers`` should know, such as the file's name.

    Raises:
        ModelError: weights that cannot be read.
    """
    # The kernel for experts that transformers takes by default knows no float64.
    experts = {"experts_implementation": "eager"} if dtype == torch.float64 else {}
    chosen = {} if attention is None else {"attn_implementation": attention}
    options = {"config": config, "dtype": dtype, "trust_remote_code": trust_remote_code, **experts, **chosen, **more}
    module: nn.Module = from_pretrained(name, AutoModelForCausalLM, source, **options)
    return module.eval()
