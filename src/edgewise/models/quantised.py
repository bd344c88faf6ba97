"""Linear modules of bitsandbytes: what they multiply by, as a plain weight.

A 4-bit module computes with its weight made floating-point again, and its gradient with respect to what it reads is
that of the same product. An 8-bit one rounds what it reads as well, so patched heads would not be its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

_FOUR, _EIGHT = ("Linear4bit", "LinearFP4", "LinearNF4"), ("Linear8bitLt",)


def is_quantised(module: nn.Module) -> bool:
    """Whether a module is a linear one of bitsandbytes."""
    kind = type(module)
    return kind.__module__.split(".")[0] == "bitsandbytes" and kind.__name__ in (*_FOUR, *_EIGHT)


def weight_of(module: Any) -> Tensor:
    """The weight ``[d_out, d_in]`` that a 4-bit module multiplies by, made for this call."""
    functional = import_module("bitsandbytes.functional")
    weight: Tensor = functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
    return weight.detach()


def output_width(module: Any) -> int:
    """How many numbers a quantised module makes."""
    return int(module.out_features)


def refusal(module: Any, dtype: torch.dtype) -> str | None:
    """Why the product of a quantised module cannot be taken apart in a model of some type, or None."""
    if type(module).__name__ in _EIGHT:
        return "it rounds what it reads to 8 bits too, so it computes no plain product; load the model in 4 bits"
    state = getattr(module.weight, "quant_state", None)
    if state is None:
        return "its weight is not quantised yet; move the model to its device first"
    if getattr(state, "packing_format_for_cpu", False):
        return "its weight was packed for this CPU by a run, with a loss; load the model afresh, without such a run"
    if state.dtype != dtype:
        kind, own = (str(one).removeprefix("torch.") for one in (dtype, state.dtype))
        return f"it was quantised from {own} in a {kind} model; load the model with dtype={own}"
    return None


def unpacked(model: nn.Module) -> list[tuple[nn.Module, str, Any]]:
    """What 4-bit modules must be told while a model runs, so that no run on a CPU packs their weights for good."""
    switch = "support_avx512bf16_for_cpu"
    return [(part, switch, False) for part in model.modules() if is_quantised(part) and getattr(part, switch, False)]
