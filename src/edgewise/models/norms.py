"""The norm between the residual stream and what reads it, with its Jacobian in closed form.

For a stream vector ``x`` of width ``D``, gain ``g`` and bias ``b``::

    LayerNorm:  c = x - mean(x)      RMSNorm:  c = x
    s = 1 / sqrt(mean(c^2) + eps)
    x_hat = c * s
    y = x_hat * g + b

What is read without a norm is the stream itself: then ``C`` and ``s`` are the identity, and ``x_hat`` counts as zero.

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
        module: the model's own module; it is called for values, never changed.
        centred: whether the mean is subtracted (LayerNorm) or not (RMSNorm).
        eps: the constant under the square root.
        scaled: False where there is no norm: ``module`` is then one that is given the stream as it is.
        offset: what the module adds to its weight to make the gain: 1 for Gemma.
    """

    module: nn.Module
    centred: bool
    eps: float
    scaled: bool = True
    offset: float = 0.0

    @classmethod
    def none(cls, module: nn.Module) -> Norm:
        """No norm, at the place of a module that is given the stream: an identity, or what reads it."""
        return cls(module, centred=False, eps=0.0, scaled=False)

    def gain(self, dtype: torch.dtype | None = None) -> Tensor | None:
        """The gain ``g``, ``[d_model]``, where the norm has one; in the given type from the start."""
        weight = getattr(self.module, "weight", None) if self.scaled else None
        if not isinstance(weight, Tensor):
            return None
        weight = weight.detach() if dtype is None else weight.detach().to(dtype)
        return weight + self.offset if self.offset else weight

    def bias(self) -> Tensor | None:
        """The bias ``b``, ``[d_model]``, where the norm has one."""
        bias = getattr(self.module, "bias", None) if self.scaled else None
        return bias.detach() if isinstance(bias, Tensor) else None

    def __call__(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        """The module's own value, without the hooks that a run may have put on it."""
        if not self.scaled:
            return x
        forward = self.module.forward
        value: Tensor = forward(x)
        return value

    def standardise(
        self, x: Float[Tensor, "... d_model"]
    ) -> tuple[Float[Tensor, "... d_model"], Float[Tensor, "... 1"]]:
        """``x_hat`` and the inverse scale ``s`` of a stream ``x``; zero and one where there is no norm."""
        if not self.scaled:
            return torch.zeros_like(x), torch.ones_like(x[..., :1])
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        scale = self.scale(x)
        return x * scale, scale

    def scale(self, centred: Float[Tensor, "... d_model"]) -> Float[Tensor, "... 1"]:
        """The inverse scale ``s`` of a stream from which the mean is already gone, if the norm removes it."""
        return torch.rsqrt(centred.square().mean(-1, keepdim=True) + self.eps)

    def fold(self, weight: Float[Tensor, "d_model heads d_head"]) -> Float[Tensor, "d_model heads d_head"]:
        """``C diag(g) W``: the gain and the centring moved into the weights that read the normed stream."""
        gain = self.gain(weight.dtype)
        gain = torch.ones_like(weight[:, 0, 0]) if gain is None else gain
        wide = gain[:, None, None]
        if not self.centred:
            return weight * wide
        mean = (weight.flatten(1).T @ gain).view(weight.shape[1:]) / len(weight)
        return torch.addcmul(-mean.expand_as(weight), weight, wide.expand_as(weight))
