"""Memory that a pass uses again for every micro-batch: fresh pages cost as much as what is computed on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Buffers:
    """Named blocks of memory, on each device its own, that grow to the largest use.

    A tensor is good until its name is taken again there.
    """

    blocks: dict[tuple[str, torch.device], Tensor] = field(default_factory=dict)

    def take(self, name: str, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype) -> Tensor:
        """An uninitialised tensor of the given shape and type, on the device of ``like``."""
        size, place = math.prod(shape), (name, like.device)
        block = self.blocks.get(place)
        if block is None or block.numel() < size or block.dtype != dtype:
            self.blocks.pop(place, None)
            block = self.blocks[place] = like.new_empty(size, dtype=dtype)
        return block[:size].view(shape)
