"""The norm between the residual stream and what reads it, with its Jacobian in closed form.

For a stream vector ``x`` of width ``D``, gain ``g`` and bias ``b``::

    LayerNorm:  c = x - mean(x)      RMSNorm:  c = x
    s = 1 / sqrt(mean(c^2) + eps)
    x_hat = c * s
    y = x_hat * g + b

and, with ``C`` the projector that removes the mean (the identity for RMSNorm),

    dy/dx^T v = s * (C - x_hat x_hat^T / D) (g * v).

The Jacobian depends on the position alone, not on which head reads: one set of statistics serves all heads of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class Norm:
    """A norm module and what must be known to differentiate it.

    Args:
        module: the Hugging Face module itself; it is called for values, never changed.
        centred: whether the mean is subtracted (LayerNorm) or not (RMSNorm).
        eps: the constant under the square root.
    """

    module: nn.Module
    centred: bool
    eps: float

    def gain(self) -> Tensor:
        """The gain ``g``, ``[d_model]``."""
        weight = self.module.weight
        if not isinstance(weight, Tensor):  # pragma: no cover - a norm without a gain is refused when wired
            raise TypeError("a norm's gain is a tensor")
        return weight.detach()

    def bias(self) -> Tensor | None:
        """The bias ``b``, ``[d_model]``, where the norm has one."""
        bias = getattr(self.module, "bias", None)
        return bias.detach() if isinstance(bias, Tensor) else None

    def __call__(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """The module's own value, without the hooks that a run may have put on it."""
        forward = self.module.forward
        value: Tensor = forward(x)
        return value

    def standardise(
        self, x: Float[Tensor, "... d_model"]
    ) -> tuple[Float[Tensor, "... d_model"], Float[Tensor, "... 1"]]:
        """``x_hat`` and the inverse scale ``s`` of a stream ``x``."""
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        scale = torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return x * scale, scale

    def fold(self, weight: Float[Tensor, "d_model ..."]) -> Float[Tensor, "d_model ..."]:
        """``C diag(g) W``: the gain and the centring moved into the weights that read the normed stream."""
        gain = self.gain().to(weight.dtype)
        folded = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
        return folded.sub_(folded.mean(0, keepdim=True)) if self.centred else folded

    def pullback(
        self, x: Float[Tensor, "... d_model"], gradient: Float[Tensor, "... d_model"]
    ) -> Float[Tensor, "... d_model"]:
        """The gradient at the stream from the gradient at the normed stream (both ``[..., d_model]``)."""
        x_hat, scale = self.standardise(x)
        scaled = gradient * self.gain().to(gradient.dtype)
        along = (scaled * x_hat).mean(-1, keepdim=True)
        if self.centred:
            scaled = scaled - scaled.mean(-1, keepdim=True)
        return (scaled - x_hat * along) * scale
