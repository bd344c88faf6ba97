"""What positions do to queries and keys: nothing, an embedding added to their inputs, or a rotation.

Rotary (Su et al. 2021): with frequencies ``f_i = base^(-2 i / rotary_dim)``, the pair of coordinates that belong to
``f_i`` turns by the angle ``pos * f_i``; coordinates from ``rotary_dim`` on stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from edgewise.models.lens.config import LensConfig


@dataclass(frozen=True)
class Rotation:
    """The rotation of every position.

    Args:
        cos: cosines of the angles, one a pair of coordinates.
        sin: their sines.
        adjacent: pairs are (0, 1), (2, 3), ...; else (i, i + number of pairs).
    """

    cos: Float[Tensor, "pos pairs"]
    sin: Float[Tensor, "pos pairs"]
    adjacent: bool

    @classmethod
    def of(cls, config: LensConfig, start: int, stop: int, like: Tensor) -> Rotation:
        """The rotation of some positions, in the dtype and on the device of a tensor.

        Angles are made in float32 or float64 and rounded last, as TransformerLens does.
        """
        dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
        pairs = config.rotary_dim // 2
        steps = torch.arange(pairs, dtype=dtype, device=like.device) / pairs
        angles = torch.arange(start, stop, dtype=dtype, device=like.device)[:, None] / config.rotary_base**steps
        return cls(angles.cos().to(like.dtype), angles.sin().to(like.dtype), config.rotary_adjacent_pairs)

    def __call__(self, x: Float[Tensor, "batch heads pos d_head"]) -> Float[Tensor, "batch heads pos d_head"]:
        """Turn queries or keys."""
        pairs = self.cos.shape[-1]
        turning, rest = x[..., : 2 * pairs], x[..., 2 * pairs :]
        both = turning.unflatten(-1, (pairs, 2) if self.adjacent else (2, pairs))
        first, second = both.unbind(-1 if self.adjacent else -2)
        turned = first * self.cos - second * self.sin, second * self.cos + first * self.sin
        return torch.cat([torch.stack(turned, -1 if self.adjacent else -2).flatten(-2), rest], -1)


@dataclass(frozen=True)
class Placement:
    """What the blocks need to know of positions.

    Args:
        embedding: added to the inputs of queries and keys, after the norm (shortformer, Press et al. 2020).
        rotation: turns queries and keys.
    """

    embedding: Float[Tensor, "pos d_model"] | None = None
    rotation: Rotation | None = None

    @classmethod
    def of(
        cls, config: LensConfig, start: int, stop: int, learned: Float[Tensor, "pos d_model"] | None, like: Tensor
    ) -> Placement:
        """What a config's kind of positions does.

        Args:
            config: the model's.
            start: the first position.
            stop: the one after the last.
            learned: their embeddings, where the model has such.
            like: a tensor with the dtype and device of the run.
        """
        if config.positions == "rotary":
            return cls(rotation=Rotation.of(config, start, stop, like))
        return cls(embedding=learned) if config.positions == "shortformer" else cls()

    def shift(self, projected: Float[Tensor, "batch pos width"], linear: nn.Linear) -> Float[Tensor, "batch pos width"]:
        """``(x + e) W + b`` from ``x W + b``: the linear's own output stays what it makes of the stream alone."""
        if self.embedding is None:
            return projected
        return projected + self.embedding @ linear.weight.T

    def turn(self, x: Float[Tensor, "batch heads pos d_head"]) -> Float[Tensor, "batch heads pos d_head"]:
        """Queries or keys, turned where positions are rotary."""
        return x if self.rotation is None else self.rotation(x)


def visible(queries: int, keys: int, device: torch.device) -> Bool[Tensor, "queries keys"] | None:
    """Which keys each query of a causal model may see where the first keys come from a cache; None where none does."""
    if keys == queries:
        return None
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
