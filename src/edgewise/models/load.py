"""From a name, a folder or a loaded module to a ``Model``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgewise.errors import ModelError, did_you_mean
from edgewise.models.adapted import within
from edgewise.models.built import kind_of, load_built
from edgewise.models.catalogue import BUNDLED
from edgewise.models.lens import LensTransformer, sources
from edgewise.models.lens.load import load_lens
from edgewise.models.model import Model
from edgewise.models.pretrained.config import read_config
from edgewise.models.pretrained.find import find
from edgewise.models.pretrained.gguf import place as gguf_place
from edgewise.models.pretrained.gguf.load import load_gguf
from edgewise.models.pretrained.tokenizer import read_tokenizer
from edgewise.models.pretrained.weights import read_module
from edgewise.models.recognise import wire

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
KV_HEADS = ("native", "query")


def load_model(
    model: str | Path | nn.Module,
    *,
    config: str | Path | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    tokenizer: Any | None = None,
    ignore_config: Collection[str] = (),
    trust_remote_code: bool = False,
    kv_heads: str = "native",
    attention: str | None = None,
    gguf_file: str | None = None,
) -> Model:
    """Load a decoder-only language model, in Hugging Face's format, GGUF or TransformerLens's, or take a loaded one.

    The model is used as ``transformers`` loads it, or as the checkpoint holds it: no weight is folded or centred.

    Args:
        model: a bundled name (``"demo"``), one built by hand (``"planted:3"``, ``"compiled:induction"``), a hub name
            (``"gpt2"``, ``"attn-only-4l"``), a folder, a GGUF file, a weights file in TransformerLens's format, or a
            loaded module.
        config: the ``config.json`` of a weights file or folder in TransformerLens's format, where it lies elsewhere.
        dtype: its floating-point type; float32 by default, a loaded module's own.
        device: where it runs; the CPU by default, a loaded module's own.
        tokenizer: a Hugging Face tokenizer; by default the one stored with the model, if there is one.
        ignore_config: config attributes that are not understood but that you know to change nothing.
        trust_remote_code: run code that the hub repository carries; off by default.
        kv_heads: of a model in which several query heads share a key/value head, ``"native"`` for that head's k and v,
            or ``"query"`` for a k and a v of every query head.
        attention: how ``transformers`` computes attention, ``"eager"``, ``"sdpa"`` or another that is installed; its
            own choice by default.
        gguf_file: the name of a GGUF file in the folder or hub repository; it is run in `dtype`, unpacked.

    Returns:
        The model with its wiring, in evaluation mode.

    Raises:
        ModelError: no such model, a folder without config or weights, a bad seed or program, or a loaded module in
            training mode.
        UnsupportedModelError: an architecture or config attribute that is not understood.
    """
    if kv_heads not in KV_HEADS:
        near = did_you_mean(kv_heads, KV_HEADS)
        raise ModelError(f"kv_heads {kv_heads!r} is not known{near}; use one of {', '.join(KV_HEADS)}")
    if isinstance(model, nn.Module):
        model = within(model)
        if attention is not None:
            raise ModelError(
                f"model {_own_name(model)!r} is already loaded: attention is its own; call set_attn_implementation"
            )
        if any(choice is not None for choice in (dtype, device, config, gguf_file)):
            raise ModelError(
                f"model {_own_name(model)!r} is already loaded: dtype, device, config and file are its own;"
                " call model.to(...) yourself"
            )
        return _taken(model, tokenizer, ignore_config, kv_heads)
    name = str(model)
    kind, place = _dtype(dtype) or torch.float32, _device(device)
    if kind_of(name) and config is None:
        _require_no_choice(name, attention)
        return load_built(name, kind, place, tokenizer)
    file = None if name in BUNDLED else gguf_place.find(name, gguf_file, config)
    if file is not None:
        loaded, own = load_gguf(name, file, dtype=kind, attention=attention, ignore_config=ignore_config)
        return Model(name, wire(loaded.to(place), ignore_config, kv_heads), tokenizer or own)
    checkpoint = None if name in BUNDLED and config is None else sources.find(name, config)
    if checkpoint is not None:
        _require_no_choice(name, attention)
        return load_lens(name, checkpoint, dtype=kind, device=place, tokenizer=tokenizer, ignore_config=ignore_config)
    source, trusted = find(name), {"trust_remote_code": trust_remote_code}
    settings = read_config(name, source, ignore_config=ignore_config, **trusted)
    module = read_module(name, source, settings, dtype=kind, attention=attention, **trusted).to(place)
    return Model(name, wire(module, ignore_config, kv_heads), tokenizer or read_tokenizer(source, **trusted))


def _require_no_choice(name: str, attention: str | None) -> None:
    if attention is not None:
        raise ModelError(f"model {name!r} has one way to compute attention; leave attention {attention!r} out")


def _taken(module: nn.Module, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str) -> Model:
    """A model from a module that is loaded."""
    bos = module.config.prepend_bos if isinstance(module, LensTransformer) else None
    model = Model(_own_name(module), wire(module, ignore_config, kv_heads), tokenizer, bos)
    model.require_eval()
    return model


def _own_name(module: nn.Module) -> str:
    named: str = getattr(getattr(module, "config", None), "name_or_path", "")
    return named or type(module).__name__


def _dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known{did_you_mean(dtype, DTYPES)}; use one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


def _device(device: str | torch.device | None) -> torch.device:
    try:
        chosen = torch.device(device or "cpu")
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {str(device)!r} cannot be used here: {reason}; use 'cpu'") from None
    return chosen
