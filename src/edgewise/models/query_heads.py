"""A grouped-query model seen with one key and one value for every query head.

A key/value head serves a group of query heads. Its model computes the same if each head of the group has a key and a
value of its own, by the same weights: then each of these can be read, and patched, alone.

1. What the k and v modules return is repeated, once for each query head of a group, before anything else sees it.
2. Attention modules are told, while the model runs, that as many key/value heads as heads come in. What they do with
   keys (norms, rotary angles, caches) and the attention itself are their own.

`Adapted` does this while the model runs, and leaves no trace behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import UnsupportedModelError
from edgewise.models.adapted import Adapted
from edgewise.models.family import Family
from edgewise.models.wiring import Block, HeadView, Projection, Wiring, input_major, separate_heads

# What attention modules call their numbers of key/value heads, and of query heads to each of these.
_COUNTS = ("num_key_value_heads", "num_kv_heads")
_GROUPS = ("num_key_value_groups",)


def by_query_head(wiring: Wiring, family: Family) -> Wiring:
    """The wiring with a key and a value for every query head; unchanged where heads are not grouped.

    Raises:
        UnsupportedModelError: attention that cannot be told of it.
    """
    if not wiring.spec.is_grouped:
        return wiring
    parents = {id(child): module for module in wiring.module.modules() for child in module.children()}
    repeated: dict[nn.Module, Callable[[Tensor], Tensor]] = {}
    told: list[tuple[nn.Module, str, Any]] = []
    blocks = []
    for block in wiring.blocks:
        attention = parents[id(block.attention.k.module)]
        _require_norms_of_heads(family, attention, block)
        told += _told(family, attention, wiring.spec.n_heads)
        q, k, v = _parts(block, family, wiring)
        changed = replace(block, attention=replace(block.attention, q=q, k=k, v=v))
        blocks.append(changed)
        for module in {part.module for part in changed.attention.projections}:
            n_own, heads = _slots([part for part in changed.attention.projections if part.module is module])
            if heads != tuple(range(n_own)):
                width = input_major(module).shape[1]
                repeated[module] = partial(_repeat, width, n_own, torch.tensor(heads))
    adapted = Adapted(wiring.module, repeated, told)
    spec = replace(wiring.spec, n_kv_heads=wiring.spec.n_heads)
    return replace(wiring, module=adapted, spec=spec, blocks=tuple(blocks))


def _parts(block: Block, family: Family, wiring: Wiring) -> list[Projection]:
    """q, k and v with one head each for every query head."""
    attention, heads = block.attention, wiring.spec.n_heads
    fused = attention.q.module is attention.k.module
    found = []
    for number, part in enumerate(attention.projections):
        served = heads // len(part.view.slots)
        slots = tuple(slot for slot in part.view.slots for _ in range(served))
        view = family.fused(number, heads) if fused else separate_heads(heads)
        found.append(Projection(part.module, view, HeadView(part.view.n_slots, slots)))
    return found


def _slots(parts: Sequence[Projection]) -> tuple[int, tuple[int, ...]]:
    """How many heads a module's own output has, and which of them each head that is seen is."""
    seen = {
        new: old
        for part in parts
        for new, old in zip(part.view.slots, part.weights.slots, strict=True)  # type: ignore[union-attr]
    }
    n_own = parts[0].weights.n_slots  # type: ignore[union-attr]
    return n_own, tuple(seen[new] for new in range(parts[0].view.n_slots))


def _told(family: Family, attention: nn.Module, n_heads: int) -> list[tuple[nn.Module, str, Any]]:
    known = {**dict.fromkeys(_COUNTS, n_heads), **dict.fromkeys(_GROUPS, 1), **family.told}
    told = [(attention, name, value) for name, value in known.items() if hasattr(attention, name)]
    if not told:
        raise UnsupportedModelError(
            f"{family.architecture}: its attention, {type(attention).__name__}, does not say how many key/value heads"
            " it has, so it cannot be run with one for every query head; use kv_heads='native'"
        )
    return told


def _require_norms_of_heads(family: Family, attention: nn.Module, block: Block) -> None:
    """Refuse keys that are normed by weights for each key/value head, or all together."""
    weight = block.attention.k.weight()
    for name, child in attention.named_children():
        of_keys = name.startswith("k_") and child is not block.attention.k.module
        one_for_all = not list(child.children()) and all(p.numel() == weight.shape[-1] for p in child.parameters())
        if of_keys and (block.attention.joint or not one_for_all):
            raise UnsupportedModelError(
                f"{family.architecture} norms keys with weights of their own for each key/value head ({name}), so they"
                " cannot be separated for every query head; use kv_heads='native'"
            )


def _repeat(width: int, n_heads: int, heads: Tensor, output: Tensor) -> Tensor:
    """Each head of an output as often as it is seen; what stands in for an output has all of them already."""
    if output.shape[-1] != width:
        return output
    repeated: Tensor = output.unflatten(-1, (n_heads, -1)).index_select(-2, heads.to(output.device)).flatten(-2)
    return repeated
