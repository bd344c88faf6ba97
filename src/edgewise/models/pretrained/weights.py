"""A checkpoint's weights in the module that its config describes; none is made up, and none of the stream left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from edgewise.models.pretrained.architecture import class_of
from edgewise.models.pretrained.attention import require_available, take_plain
from edgewise.models.pretrained.library import from_pretrained
from edgewise.models.pretrained.rehearsal import ASKED, Outline, judge, rehearse

# transformers would put an adapter that lies beside the weights into the model unasked: it looks for one here instead.
NO_ADAPTER = {"adapter_kwargs": {"subfolder": "none"}}


def read_module(
    name: str,
    source: str,
    config: Any,
    *,
    dtype: torch.dtype,
    attention: str | None,
    trust_remote_code: bool = False,
    gguf_file: str | None = None,
    device_map: Any | None = None,
) -> nn.Module:
    """The module with its weights, in evaluation mode, on the CPU or over devices.

    Args:
        name: what the user called the model.
        source: its folder or hub name.
        config: its config.
        dtype: floating-point type of its weights.
        attention: how attention is computed; None leaves it to ``transformers``.
        trust_remote_code: run code that the repository carries.
        gguf_file: the file of the folder that holds the weights, where that is a GGUF one.
        device_map: how accelerate spreads it over devices; None leaves it on the CPU.

    Raises:
        ModelError: weights that cannot be read, or that are not those of the model that the config describes, or a way
            to compute attention that is not here.
    """
    kind = class_of(name, source, config, trust_remote_code=trust_remote_code)
    if attention is None:
        take_plain(name, kind, config)
    else:
        require_available(name, kind, attention)
    folder = Path(source)
    if folder.is_dir() and gguf_file is None:
        rehearse(folder, config)
    # The kernel for experts that transformers takes by default knows no float64.
    experts = {"experts_implementation": "eager"} if dtype == torch.float64 else {}
    chosen = {} if attention is None else {"attn_implementation": attention}
    options = {"config": config, "dtype": dtype, "trust_remote_code": trust_remote_code, **experts, **chosen}
    if gguf_file is not None:
        options["gguf_file"] = gguf_file
    if device_map is not None:
        options["device_map"] = device_map
    module, info = from_pretrained(name, AutoModelForCausalLM, source, **options, **ASKED, **NO_ADAPTER)
    where = f"model folder {source!r}" if folder.is_dir() and gguf_file is None else f"model {name!r}"
    judge(info, Outline.of(module), where, config)
    ready: nn.Module = module.eval()
    return ready
