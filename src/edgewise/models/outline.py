"""A model without weights: its modules as a config describes them, on the meta device, in as many layers as asked for.

What a run costs follows from shapes. Layers that repeat cost the same each, so that a few of them tell of all.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from edgewise.models.pretrained.library import quiet

_DEPTH = "num_hidden_layers"


def outlined(
    config: Any, layers: int | None, *, dtype: torch.dtype, attention: str | None, trust_remote_code: bool
) -> nn.Module:
    """The module of a config of ``transformers``, in evaluation mode.

    Args:
        config: of the whole model.
        layers: the first so many; None for all.
        dtype: of its weights.
        attention: how it is computed; None leaves it to ``transformers``.
        trust_remote_code: run code that the config carries.
    """
    chosen = {} if attention is None else {"attn_implementation": attention}
    of = copy.deepcopy(config) if layers is None else shallower(config, layers)
    with quiet(), torch.device("meta"):
        module = AutoModelForCausalLM.from_config(of, dtype=dtype, trust_remote_code=trust_remote_code, **chosen)
    ready: nn.Module = module.eval()
    return ready


def shallower(config: Any, layers: int) -> Any:
    """A config of the first so many layers: what it says layer by layer is cut there."""
    found, name = copy.deepcopy(config), type(config).attribute_map.get(_DEPTH, _DEPTH)
    depth = getattr(config, name)
    for key, value in config.to_dict().items():
        if isinstance(value, list | tuple) and len(value) == depth and hasattr(found, key):
            setattr(found, key, value[:layers])
    setattr(found, name, layers)
    return found
