"""Memory that a pass uses again for every micro-batch: fresh pages cost as much as what is computed on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Buffers:
    """Named blocks of memory that grow to the largest use; a tensor is good until its name is taken again."""

    blocks: dict[str, Tensor] = field(default_factory=dict)

    def take(self, name: str, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype) -> Tensor:
        """An uninitialised tensor of the given shape and type, on the device of ``like``."""
        size = math.prod(shape)
        block = self.blocks.get(name)
        if block is None or block.numel() < size or block.dtype != dtype or block.device != like.device:
            self.blocks.pop(name, None)
            block = self.blocks[name] = torch.empty(size, dtype=dtype, device=like.device)
        return block[:size].view(shape)
