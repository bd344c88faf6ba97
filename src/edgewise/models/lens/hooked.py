"""A model of TransformerLens's that is in memory -> a module that can be wired, computing what the model computes.

1. ``HookedTransformer`` (TransformerLens below 4): its config and its state dict are those of a checkpoint, folded and
   centred or not as they are, and become a `LensTransformer`. Weights are copied.
2. ``TransformerBridge`` (TransformerLens 3 and 4) around a model of ``transformers``: a model of the same class that
   holds the very same tensors, processed (``enable_compatibility_mode()``) or not.
3. Where that is not what the bridge computes, and for native bridges: its parameters in TransformerLens's layout, as 1.

Whichever it is, its logits are held against the model's own on a few token ids, and one that differs is refused:
whatever a model does that is not understood here, such as hooks that were left on it, is seen there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from edgewise.errors import ModelError, UnsupportedModelError
from edgewise.models.lens.config import LensConfig
from edgewise.models.lens.dialects import read_config
from edgewise.models.lens.keys import MUST_BE_OFF, MUST_BE_ONE
from edgewise.models.lens.module import LensTransformer
from edgewise.models.lens.weights import module_state

HOOKED, BRIDGE = "HookedTransformer", "TransformerBridge"
_WRAPPER = "_original_component"
# Token ids a row, where logits are held against each other, and rows.
_POSITIONS, _ROWS = 24, 2
# By how much logits may differ, as a share of the largest: rounding, by the width of the numbers.
_TOLERANCE, _TOLERANCE_OF_HALF = 1e-4, 5e-2


@dataclass(frozen=True, eq=False)
class Taken:
    """A model that was taken from TransformerLens.

    Args:
        name: what TransformerLens calls it.
        module: what is wired and run.
        tokenizer: its own; None where it has none.
        bos: whether text gets a beginning-of-sequence token unless the user says otherwise.
    """

    name: str
    module: nn.Module
    tokenizer: Any | None
    bos: bool


def kind_of(module: nn.Module) -> str | None:
    """``"HookedTransformer"`` or ``"TransformerBridge"``; None for any other module."""
    kinds = (kind for kind in type(module).__mro__ if kind.__module__.split(".")[0] == "transformer_lens")
    return next((kind.__name__ for kind in kinds if kind.__name__ in (HOOKED, BRIDGE)), None)


def take(model: Any) -> Taken:
    """Take a model of TransformerLens's that is in memory, with the weights that it has now.

    Args:
        model: a ``HookedTransformer`` or a ``TransformerBridge``; it is left as it is.

    Raises:
        ModelError: weights that are not whole, or a bridge in training mode.
        UnsupportedModelError: something that the model does and that is not understood; it is named.
    """
    name = str(getattr(model.cfg, "model_name", None) or kind_of(model))
    _require_eval(name, model)
    module = _in_some_form(name, model)
    return Taken(name, module, getattr(model, "tokenizer", None), bool(getattr(model.cfg, "default_prepend_bos", True)))


def _require_eval(name: str, model: nn.Module) -> None:
    """Refuse a bridge in training mode; a ``HookedTransformer`` has no dropout."""
    if kind_of(model) == BRIDGE and model.training:
        raise ModelError(f"model {name!r}: the model is in training mode; call model.eval() first")


def _in_some_form(name: str, model: Any) -> nn.Module:
    """The first form of the model that gives its logits; raises what was wrong with the last."""
    if kind_of(model) == BRIDGE and isinstance(model.original_model, transformers.PreTrainedModel):
        module = _unwrapped(model.original_model)
        if module is not None and _apart(module, model) <= _tolerance(module):
            return module
    module = _in_lens_format(name, model)
    apart = _apart(module, model)
    if not apart <= _tolerance(module):
        raise UnsupportedModelError(
            f"model {name!r}: taken over, its logits differ from its own by {apart:.2g} of the largest; it computes"
            f" something that is not understood here, or has hooks (model.reset_hooks()); give {_other_way(model)}"
        )
    return module


def _unwrapped(original: Any) -> nn.Module | None:
    """A model of the class that a bridge is around, without the bridge's own modules, of the same tensors.

    None where the bridge's modules hold other tensors than the class has.
    """
    with torch.device("meta"):
        module: nn.Module = type(original)(copy.deepcopy(original.config))
    held = {_path(name): x.detach() for name, x in original.named_parameters(remove_duplicate=False)}
    held |= {_path(name): x for name, x in original.named_buffers(remove_duplicate=False)}
    _give_bias(module, held)
    needed = module.state_dict()
    if any(name not in held or held[name].shape != x.shape for name, x in needed.items()):
        return None
    module.load_state_dict({name: held[name] for name in needed}, assign=True)
    for name, buffer in module.named_buffers():
        if buffer.is_meta and name in held:
            place, _, last = name.rpartition(".")
            module.get_submodule(place).register_buffer(last, held[name], persistent=False)
    return module.eval()


def _give_bias(module: Any, held: Mapping[str, Tensor]) -> None:
    """Give the unembedding a bias where folding a norm into it left one."""
    unembedding = module.get_output_embeddings()
    place = next(name for name, part in module.named_modules() if part is unembedding)
    bias = held.get(f"{place}.bias")
    if unembedding.bias is None and bias is not None and bool(bias.any()):
        unembedding.bias = nn.Parameter(torch.empty_like(bias, device="meta"))


def _path(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != _WRAPPER)


def _in_lens_format(name: str, model: Any) -> LensTransformer:
    where, values = f"model {name!r}", _values(model)
    # What nothing has read and need not be off is vouched for by the logits, which are compared.
    vouched = values.keys() - MUST_BE_OFF.keys() - MUST_BE_ONE
    config = read_config(values, where, vouched)
    tensors = dict(model.state_dict()) if kind_of(model) == HOOKED else _shared(model.tl_parameters(), config)
    state = module_state(config, tensors, where)
    with torch.device("meta"):
        module = LensTransformer(config)
    module.load_state_dict({key: x.detach().clone() for key, x in state.items()}, assign=True)
    return module.eval()


def _values(model: Any) -> dict[str, Any]:
    """The config's fields, without those that say where the weights are from."""
    values = {key: x for key, x in model.cfg.to_dict().items() if key not in ("architecture", "original_architecture")}
    if values.get("rotary_dim") is None and kind_of(model) == BRIDGE:
        values["rotary_dim"] = _rotary_dim(getattr(model.original_model, "config", None), int(model.cfg.d_head))
    return values


def _rotary_dim(config: Any, d_head: int) -> int | None:
    """How many coordinates of a head are rotated, which a bridge leaves to the model that it is around."""
    share = (getattr(config, "rope_parameters", None) or {}).get("partial_rotary_factor")
    return None if share is None else int(d_head * share)


def _shared(tensors: Mapping[str, Tensor], config: LensConfig) -> dict[str, Tensor]:
    """A bridge's parameters with a key and a value a group of heads, which the bridge repeats for each head."""
    group = config.n_heads // config.n_kv_heads
    found = dict(tensors)
    for name in [name for name in tensors if name.rsplit(".", 1)[-1] in ("W_K", "W_V", "b_K", "b_V")]:
        if tensors[name].shape[0] == config.n_heads:
            found[name] = tensors[name][::group]
    return found


def _tolerance(module: nn.Module) -> float:
    half = torch.finfo(next(module.parameters()).dtype).bits < 32
    return _TOLERANCE_OF_HALF if half else _TOLERANCE


def _apart(module: nn.Module, model: Any) -> float:
    """The largest difference of two models' logits of a few token ids, as a share of the largest logit."""
    generator = torch.Generator().manual_seed(0)
    shape = (_ROWS, min(_POSITIONS, int(model.cfg.n_ctx)))
    ids = torch.randint(0, int(model.cfg.d_vocab), shape, generator=generator).to(next(module.parameters()).device)
    with torch.no_grad():
        wanted, found = model(ids).float(), module(input_ids=ids).logits.float()
    if found.shape != wanted.shape:
        return float("inf")
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12))


def _other_way(model: Any) -> str:
    plain = "the model of transformers itself"
    return f"a bridge without compatibility mode, or {plain}" if kind_of(model) == BRIDGE else plain
