"""From a name, a folder or a loaded module to a ``Model``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgewise.models.adapted import within
from edgewise.models.model import Model
from edgewise.models.stored import open_model
from edgewise.models.taken import require_no_settings, take_module


def load_model(
    model: str | Path | nn.Module,
    *,
    config: str | Path | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    trust_remote_code: bool = False,
    kv_heads: str = "native",
    attention: str | None = None,
    gguf_file: str | None = None,
    adapter: str | Path | None = None,
) -> Model:
    """Load a decoder-only language model, in Hugging Face's format, GGUF or TransformerLens's, or take a loaded one.

    The model is used as ``transformers`` loads it, or as the checkpoint holds it: no weight is folded or centred. A
    checkpoint that lacks a weight, or has one that the model has no place for, is refused.

    Args:
        model: a bundled name (``"demo"``), one built by hand (``"planted:3"``, ``"compiled:induction"``), a hub name
            (``"gpt2"``, ``"attn-only-4l"``), a folder, a GGUF file, a weights file in TransformerLens's format, or a
            loaded module: of ``transformers``, or TransformerLens's ``HookedTransformer`` or ``TransformerBridge`` with
            the weights it has, folded or not, whose logits the model taken over must give.
        config: the ``config.json`` of a weights file or folder in TransformerLens's format, where it lies elsewhere.
        dtype: its floating-point type; by default (``"auto"``) bfloat16 on CUDA, else float32; a loaded module's own.
        device: where it runs, ``"auto"`` for CUDA where there is one; the CPU by default, a loaded module's own.
        device_map: spread its layers over devices in the place of one, as accelerate does: ``"auto"`` or another of its
            rules, or from names of modules to devices. A loaded module may be spread so, each layer on one device.
        tokenizer: a Hugging Face tokenizer; by default the one stored with the model, if there is one.
        ignore_config: config attributes that are not understood but that you know to change nothing.
        trust_remote_code: run code that the folder or hub repository carries, and kernels of the hub; off by default.
        kv_heads: of a model in which several query heads share a key/value head, ``"native"`` for that head's k and v,
            or ``"query"`` for a k and a v of every query head.
        attention: how ``transformers`` computes attention, ``"eager"``, ``"sdpa"`` or another that is installed; its
            own choice by default.
        gguf_file: the name of a GGUF file in the folder or hub repository; it is run in `dtype`, unpacked.
        adapter: a folder or hub name with an adapter of ``peft``, merged into the weights in memory.

    Returns:
        The model with its wiring, in evaluation mode.

    Raises:
        ModelError: no such model, a folder without config or weights, weights that do not fit the config, an adapter
            that cannot be merged, a bad seed or program, or a loaded module in training mode or with weights elsewhere.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    if isinstance(model, nn.Module):
        require_no_settings(within(model), adapter, attention, (dtype, device, device_map, config, gguf_file))
        return take_module(model, tokenizer, ignore_config, kv_heads)
    return open_model(
        model,
        config=config,
        dtype=dtype,
        device=device,
        device_map=device_map,
        tokenizer=tokenizer,
        ignore_config=ignore_config,
        trust_remote_code=trust_remote_code,
        kv_heads=kv_heads,
        attention=attention,
        gguf_file=gguf_file,
        adapter=adapter,
    ).load()
