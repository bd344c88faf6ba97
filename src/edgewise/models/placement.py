"""Whether all of a module's weights are there: in memory, at every moment, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from edgewise.errors import ModelError
from edgewise.models.weight_names import listed

ELSEWHERE = ("cpu", "disk")


def device_of(module: nn.Module) -> torch.device | None:
    """Where a module's weights live, the first of them counting for all; None for a module that has none."""
    first = next(chain(module.parameters(), module.buffers()), None)
    return None if first is None else first.device


def require_present(name: str, module: nn.Module) -> None:
    """Refuse a module some of whose weights are not in memory: on the meta device, or offloaded.

    Args:
        name: what the user called it.
        module: the module.

    Raises:
        ModelError: naming the first weights, how many there are, and what to do.
    """
    absent = [place for place, x in chain(module.named_parameters(), module.named_buffers()) if x.is_meta]
    offloaded = [place for place, part in module.named_modules() if _offloads(getattr(part, "_hf_hook", None))]
    if offloaded or (absent and _mapped_elsewhere(module)):
        what = listed(absent or offloaded)
        raise ModelError(
            f"model {name!r}: {len(absent or offloaded)} of its {'weights' if absent else 'parts'} are offloaded"
            f" ({what}), and gradients need all of them in memory; use more or larger devices, or a smaller dtype"
        )
    if absent:
        raise ModelError(
            f"model {name!r}: {len(absent)} of its weights are on the meta device, without values ({listed(absent)});"
            " load them with from_pretrained, or load_state_dict(..., assign=True)"
        )


def require_whole_blocks(name: str, blocks: Sequence[nn.Module]) -> None:
    """Refuse a model some of whose layers lie on several devices: what is made of a layer lives where the layer does.

    Args:
        name: what the user called it.
        blocks: its layers.

    Raises:
        ModelError: naming the first such layer and its devices, and what to do.
    """
    for layer, block in enumerate(blocks):
        devices = sorted({str(x.device) for x in chain(block.parameters(), block.buffers())})
        if len(devices) > 1:
            raise ModelError(
                f"model {name!r}: layer {layer} is on several devices ({', '.join(devices)}); give each layer one, as"
                " device_map='auto' does"
            )


def require_finite(name: str, module: nn.Module) -> None:
    """Refuse a module with weights that are no numbers: every score would be none either.

    Args:
        name: what the user called it.
        module: the module.

    Raises:
        ModelError: naming the first weights, how many there are, and what to do.
    """
    odd = [place for place, x in module.named_parameters() if x.is_floating_point() and not _finite(x.detach())]
    if odd:
        raise ModelError(
            f"model {name!r}: {len(odd)} of its weights hold NaN or infinity ({listed(odd)}); get them again if they"
            " are damaged, or load them in a type that holds them, such as float32"
        )


def _finite(x: Tensor) -> bool:
    """Whether all entries are numbers; the extremes say it, without another tensor of that size."""
    return x.numel() == 0 or bool(torch.isfinite(torch.stack(torch.aminmax(x))).all())


def _offloads(hook: object) -> bool:
    """Whether a hook of accelerate, or one of several in one, fetches weights for the time of a call."""
    return bool(getattr(hook, "offload", False)) or any(_offloads(one) for one in getattr(hook, "hooks", ()))


def _mapped_elsewhere(module: nn.Module) -> bool:
    places = getattr(module, "hf_device_map", None)
    return isinstance(places, Mapping) and any(str(place) in ELSEWHERE for place in places.values())
