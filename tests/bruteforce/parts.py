"""The pieces of a transformer as plain tensors and formulas: norms, attention heads, MLPs, rotary angles.

Nothing here comes from the package under test or from the Hugging Face classes it hooks: each formula is
written out, in the dtype of the tensors given (the tests give float64).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Norm:
    """LayerNorm (`centred`) or RMSNorm with optional gain, optional bias and epsilon."""

    centred: bool
    gain: Float[Tensor, " d_model"] | None
    bias: Float[Tensor, " d_model"] | None
    epsilon: float

    def __call__(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        scaled = x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.epsilon)
        scaled = scaled if self.gain is None else scaled * self.gain
        return scaled if self.bias is None else scaled + self.bias


@dataclass(frozen=True)
class NoNorm:
    """The norm of a model that has none."""

    def __call__(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        return x


@dataclass(frozen=True)
class Projection:
    """One head's q, k or v: its own weight and bias."""

    weight: Float[Tensor, "d_model d_head"]
    bias: Float[Tensor, " d_head"] | None

    def __call__(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_head"]:
        projected = x @ self.weight
        return projected if self.bias is None else projected + self.bias


@dataclass(frozen=True)
class Rotary:
    """Rotary position embedding of the first `dims` coordinates of a head, paired as (i, i + dims / 2), or if
    `adjacent` as (2 i, 2 i + 1)."""

    dims: int
    base: float
    adjacent: bool = False

    def __call__(self, x: Float[Tensor, "batch pos d_head"]) -> Float[Tensor, "batch pos d_head"]:
        half = self.dims // 2
        exponents = torch.arange(half, dtype=x.dtype) / half
        angles = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * self.base**-exponents
        if self.adjacent:  # a pair is a complex number, and turning it is one product
            pairs = torch.view_as_complex(x[..., : self.dims].unflatten(-1, (half, 2)).contiguous())
            turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
            return torch.cat([turned, x[..., self.dims :]], dim=-1)
        first, second, rest = x[..., :half], x[..., half : self.dims], x[..., self.dims :]
        turned_first = first * angles.cos() - second * angles.sin()
        turned_second = second * angles.cos() + first * angles.sin()
        return torch.cat([turned_first, turned_second, rest], dim=-1)


@dataclass(frozen=True)
class Attention:
    """The heads of one layer; `k` and `v` have one entry a key/value head, the others one a query head.

    `after` norms what all heads write together; `q_norm` and `k_norm` all queries, and all keys, of a layer as one
    vector. A query sees the last `window` keys, its own included; `softcap` bounds the scores before the softmax.
    """

    q: tuple[Projection, ...]
    k: tuple[Projection, ...]
    v: tuple[Projection, ...]
    output: tuple[Float[Tensor, "d_head d_model"], ...]
    output_bias: Float[Tensor, " d_model"] | None
    scale: float
    after: Norm | None = None
    q_norm: Norm | None = None
    k_norm: Norm | None = None
    window: int | None = None
    softcap: float | None = None

    def group_of(self, head: int) -> int:
        """The key/value head that query head `head` reads: consecutive query heads share one."""
        return head * len(self.k) // len(self.q)

    def patterns(self, q: list[Tensor], k: list[Tensor], causal: bool = True) -> list[Tensor]:
        """Softmax attention of every head: `[batch, query, key]`, rows sum to one; nothing reads what comes after it
        if `causal`."""
        return [self._pattern(q[head], k[self.group_of(head)], causal) for head in range(len(q))]

    def _pattern(self, q: Tensor, k: Tensor, causal: bool) -> Tensor:
        scores = torch.einsum("bqd,bkd->bqk", q, k) * self.scale
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        hidden = torch.zeros(scores.shape[1:], dtype=torch.bool)
        if causal:
            hidden |= torch.ones_like(hidden).triu(1)
        if self.window is not None:
            hidden |= torch.ones_like(hidden).tril(-self.window)
        return scores.masked_fill(hidden, -math.inf).softmax(-1)

    def write(self, z: list[Tensor]) -> list[Tensor]:
        """What every head adds to the stream, of its value-weighted sum. A norm behind them divides each by the root
        mean square of their sum, so that the parts sum to what it returns."""
        parts = [mine @ weight for mine, weight in zip(z, self.output, strict=True)]
        if self.after is None:
            return parts
        whole = sum(parts[1:], parts[0])
        size = torch.sqrt((whole * whole).mean(-1, keepdim=True) + self.after.epsilon)
        return [part / size * self.after.gain for part in parts]


def together(norm: Norm | None, heads: list[Tensor]) -> list[Tensor]:
    """All heads' vectors normed as one."""
    return heads if norm is None else list(norm(torch.cat(heads, -1)).chunk(len(heads), -1))


@dataclass(frozen=True)
class Mlp:
    """out(act(x W_in + b_in)), or gated: out(act(x W_gate + b_gate) * (x W_in + b_in) + b_after)."""

    w_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"] | None
    w_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"] | None
    activation: Callable[[Tensor], Tensor]
    w_gate: Float[Tensor, "d_model d_mlp"] | None = None
    b_gate: Float[Tensor, " d_mlp"] | None = None
    b_after: Float[Tensor, " d_mlp"] | None = None

    def __call__(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        hidden = _affine(x, self.w_in, self.b_in)
        if self.w_gate is None:
            hidden = self.activation(hidden)
        else:
            hidden = self.activation(_affine(x, self.w_gate, self.b_gate)) * hidden
            hidden = hidden if self.b_after is None else hidden + self.b_after
        return _affine(hidden, self.w_out, self.b_out)


def gelu_tanh(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_erf(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def gelu_rounded(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.tanh(0.7978845608 * x + 0.7978845608 * 0.044715 * x**3))


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.zeros_like(x))


def solu(x: Tensor) -> Tensor:
    return x * x.exp() / x.exp().sum(-1, keepdim=True)


def identity(x: Tensor) -> Tensor:
    return x


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x @ weight if bias is None else x @ weight + bias
