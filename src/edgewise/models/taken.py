"""From a module that is loaded, of ``transformers`` or TransformerLens, to a `Model`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from edgewise.errors import ModelError
from edgewise.models.adapted import within
from edgewise.models.choices import require_kv_heads
from edgewise.models.lens import LensTransformer, hooked
from edgewise.models.model import Model
from edgewise.models.placement import require_finite, require_present
from edgewise.models.pretrained.adapters import refuse_unmerged
from edgewise.models.recognise import wire_whole


def take_module(
    module: nn.Module, tokenizer: Any | None = None, ignore_config: Collection[str] = (), kv_heads: str = "native"
) -> Model:
    """Take a loaded module with the weights that it has; arguments and errors are those of `load_model`."""
    require_kv_heads(kv_heads)
    module = within(module)
    if hooked.kind_of(module) is not None:
        return _from_transformer_lens(hooked.take(module), tokenizer, ignore_config, kv_heads)
    return _taken(module, tokenizer, ignore_config, kv_heads)


def require_no_settings(
    module: nn.Module, adapter: str | Path | None, attention: str | None, others: tuple[object, ...]
) -> None:
    """Refuse settings of the loading for a module that is loaded."""
    loaded = f"model {own_name(module)!r} is already loaded"
    if adapter is not None:
        raise ModelError(
            f"{loaded}: merge the adapter into it yourself, by"
            f" peft.PeftModel.from_pretrained(model, {str(adapter)!r}).merge_and_unload()"
        )
    if attention is not None:
        raise ModelError(f"{loaded}: attention is its own; call set_attn_implementation")
    if any(one is not None for one in others):
        raise ModelError(f"{loaded}: dtype, devices, config and file are its own; call model.to(...) yourself")


def _taken(module: nn.Module, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str) -> Model:
    """A model from a module that is loaded."""
    refuse_unmerged(own_name(module), module)
    require_present(own_name(module), module)
    require_finite(own_name(module), module)
    bos = module.config.prepend_bos if isinstance(module, LensTransformer) else None
    name = own_name(module)
    model = Model(name, wire_whole(name, module, ignore_config, kv_heads), tokenizer, bos)
    model.require_eval()
    return model


def _from_transformer_lens(
    taken: hooked.Taken, tokenizer: Any | None, ignore_config: Collection[str], kv_heads: str
) -> Model:
    model = _taken(taken.module, tokenizer or taken.tokenizer, ignore_config, kv_heads)
    return replace(model, name=taken.name, bos=taken.bos)


def own_name(module: nn.Module) -> str:
    """What a module calls itself: where it was loaded from, else its class."""
    named: str = getattr(getattr(module, "config", None), "name_or_path", "")
    return named or type(module).__name__
