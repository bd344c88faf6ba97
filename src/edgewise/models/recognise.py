"""From a loaded module to its wiring: which family it is of, and whether it computes what the wiring says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
import transformers
from torch import nn
from transformers.pytorch_utils import Conv1D

from edgewise.errors import UnsupportedModelError, did_you_mean
from edgewise.models.adapted import Adapted
from edgewise.models.families import FAMILIES, REFUSED
from edgewise.models.family import Family
from edgewise.models.lens import LensTransformer
from edgewise.models.lens.wiring import wire_lens
from edgewise.models.placement import require_whole_blocks
from edgewise.models.quantised import is_quantised, refusal, unpacked
from edgewise.models.query_heads import by_query_head
from edgewise.models.wiring import Wiring


def wire(module: nn.Module, ignore_config: Collection[str] = (), kv_heads: str = "native") -> Wiring:
    """The wiring of a loaded module, with its own key/value heads or one for every query head.

    Raises:
        UnsupportedModelError: a class or config attribute that is not understood.
    """
    if isinstance(module, LensTransformer):
        return wire_lens(module, kv_heads)
    config = getattr(module, "config", None)
    if not isinstance(module, transformers.PreTrainedModel) or config is None:
        raise UnsupportedModelError(
            f"{type(module).__name__} is not a transformers language model; give one of {', '.join(FAMILIES)}"
        )
    family = family_of(type(module), config, ignore_config)
    wiring = family.wire(module)
    _require_plain(wiring)
    told = unpacked(module)
    wiring = replace(wiring, module=Adapted(wiring.module, {}, told)) if told else wiring
    return wiring if kv_heads == "native" else by_query_head(wiring, family)


def wire_whole(name: str, module: nn.Module, ignore_config: Collection[str], kv_heads: str) -> Wiring:
    """The wiring of a module whose layers each live on one device.

    Args:
        name: what the user called it.
        module: loaded.
        ignore_config: as of `wire`.
        kv_heads: as of `wire`.

    Raises:
        ModelError: a layer on several devices.
        UnsupportedModelError: as `wire`.
    """
    wiring = wire(module, ignore_config, kv_heads)
    require_whole_blocks(name, [block.module for block in wiring.blocks])
    return wiring


def _require_plain(wiring: Wiring) -> None:
    """Refuse projections that compute something else than their weight's product: adapters, quantised weights."""
    names = {id(module): name for name, module in wiring.module.named_modules()}
    for block in wiring.blocks:
        for part in (*block.attention.projections, block.attention.out):
            weight = part.module.weight
            if is_quantised(part.module):
                reason = refusal(part.module, next(wiring.module.parameters()).dtype)
                if reason is not None:
                    raise UnsupportedModelError(f"{names[id(part.module)]} is a {type(part.module).__name__}: {reason}")
                continue
            plain = type(part.module) in (nn.Linear, Conv1D, *wiring.linear) and isinstance(weight, torch.Tensor)
            if not (plain and torch.is_floating_point(weight)):  # type: ignore[arg-type]
                raise UnsupportedModelError(
                    f"{names[id(part.module)]} is a {type(part.module).__name__}, and only plain linear modules with"
                    " floating-point weights are understood; merge adapters first, or load the model unquantised, or by"
                    " bitsandbytes"
                )


def family_of(kind: type, config: Any, ignore_config: Collection[str] = ()) -> Family:
    """The family of a class of models, after its config was checked."""
    family = family_named(kind.__name__)
    family.understood.check(config, kind, ignore_config)
    return family


def family_named(architecture: str) -> Family:
    """The family of a class of models by the class's name; raises as `wire`."""
    if architecture in REFUSED:
        raise UnsupportedModelError(f"architecture {architecture!r} is not supported: {REFUSED[architecture]}")
    if architecture not in FAMILIES:
        near = did_you_mean(architecture, FAMILIES)
        raise UnsupportedModelError(
            f"architecture {architecture!r} is not supported{near}; supported: {', '.join(FAMILIES)}"
        )
    return FAMILIES[architecture]
