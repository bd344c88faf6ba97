"""A copy of a model in float64, for measurements that float32's rounding would drown."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from edgewise.models.model import Model


def in_float64(model: Model) -> Model | None:
    """The same weights and the same wiring in float64; None where the device or a module cannot have it.

    The code of a model may still compute parts in float32.
    """
    if model.device.type == "mps":
        return None
    try:
        twin = copy.deepcopy(replace(model, tokenizer=None))
        twin.module.to(torch.float64)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):  # modules of others, quantised ones among them
        return None
    if hasattr(twin.config, "_experts_implementation"):
        twin.config._experts_implementation = "eager"  # the default kernel of experts knows no float64
    return twin
