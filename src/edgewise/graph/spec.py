"""The shape of a transformer, as far as its residual-stream graph depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from edgewise.errors import ModelError

__all__ = ["GraphSpec"]

# A graph has an array of about the square of that; the largest models of today have 16,000.
MOST_HEADS = 65_536


@dataclass(frozen=True)
class GraphSpec:
    """What decides which edges exist.

    Args:
        n_layers: number of blocks.
        n_heads: query heads a block.
        d_model: width of the residual stream.
        n_kv_heads: key/value heads a block; None means one for every query head.
        has_mlp: False for attention-only models.
        parallel: attention and MLP of a block read the same stream: no head feeds its own block's MLP.

    Raises:
        ModelError: a count that is no whole number from one on, a switch that is neither true nor false, more heads
            than any graph could hold, key/value heads that do not divide the heads, parallel without MLP.
    """

    n_layers: int
    n_heads: int
    d_model: int
    n_kv_heads: int | None = None
    has_mlp: bool = True
    parallel: bool = False

    def __post_init__(self) -> None:
        """Fill in the number of key/value heads and check the counts."""
        if self.n_kv_heads is None:
            object.__setattr__(self, "n_kv_heads", self.n_heads)
        for field in ("n_layers", "n_heads", "d_model", "n_kv_heads"):
            count = getattr(self, field)
            if isinstance(count, bool) or not isinstance(count, Integral):
                raise ModelError(f"graph shape: {field} is {count!r:.40}; it must be a whole number")
            if count < 1:
                raise ModelError(f"graph shape: {field} is {count}; it must be at least 1")
        for field in ("has_mlp", "parallel"):
            if not isinstance(getattr(self, field), bool):
                raise ModelError(f"graph shape: {field} is {getattr(self, field)!r:.40}; it must be true or false")
        if self.n_heads % self.kv_heads:
            raise ModelError(
                f"graph shape: n_kv_heads {self.n_kv_heads} does not divide n_heads {self.n_heads}; "
                "every key/value head must serve the same number of query heads"
            )
        if self.n_layers * self.n_heads > MOST_HEADS:
            raise ModelError(
                f"graph shape: n_layers {self.n_layers:.6g} times n_heads {self.n_heads:.6g} is more than"
                f" {MOST_HEADS:,} heads; no graph of that size fits into memory"
            )
        if self.parallel and not self.has_mlp:
            raise ModelError("graph shape: parallel blocks need an MLP; use parallel=False with has_mlp=False")

    @property
    def kv_heads(self) -> int:
        """Key/value heads a block, never None."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    @property
    def is_grouped(self) -> bool:
        """Whether several query heads share one key/value head."""
        return self.kv_heads != self.n_heads

    @property
    def group_size(self) -> int:
        """Query heads for each key/value head."""
        return self.n_heads // self.kv_heads
