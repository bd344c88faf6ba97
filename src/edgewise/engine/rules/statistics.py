"""A norm at one run's stream: its statistics, its derivative, and its exact finite difference to another run's.

With ``c`` the stream (for LayerNorm without its mean), ``s = 1 / sqrt(mean(c^2) + eps)`` and ``D`` its width::

    derivative          s (g - c s^2 (c . g) / D)
    finite difference   (s + s')/2 g - (m . g) / 2 * s^2 s'^2 / ((s + s') D) m       with m = c + c'

The second is what takes ``c' - c`` to ``c' s' - c s`` exactly; the first is its limit. Both without the centring, which
`NormStatistics.centre` does to what they return.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class NormStatistics:
    """A norm's statistics at a stream.

    Args:
        centred: the stream ``c``, without its mean where the norm removes it.
        scale: ``s``.
        removes_mean: whether the norm does.
    """

    centred: Float[Tensor, "... d_model"]
    scale: Float[Tensor, "... 1"]
    removes_mean: bool

    @classmethod
    def of(cls, x: Float[Tensor, "... d_model"], *, removes_mean: bool, eps: float) -> NormStatistics:
        """The statistics at a stream."""
        centred = x - x.mean(-1, keepdim=True) if removes_mean else x
        scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + eps)
        return cls(centred, scale, removes_mean)

    def __getitem__(self, rows: slice) -> NormStatistics:
        """Those of some prompts."""
        return NormStatistics(self.centred[rows], self.scale[rows], self.removes_mean)

    def on(self, device: torch.device) -> NormStatistics:
        """The same on a device."""
        return NormStatistics(self.centred.to(device), self.scale.to(device), self.removes_mean)

    def centre(self, x: Float[Tensor, "*lead d_model"]) -> Float[Tensor, "*lead d_model"]:
        """A gradient with the mean removed, where the norm removes it."""
        return x - x.mean(-1, keepdim=True) if self.removes_mean else x

    def pull(self, gradient: Float[Tensor, "*lead d_model"]) -> Float[Tensor, "*lead d_model"]:
        """The derivative's transpose."""
        along = (self.centred * gradient).sum(-1, keepdim=True) * self.scale.square() / gradient.shape[-1]
        return self.centre(self.scale * (gradient - self.centred * along))

    def freeze(self, gradient: Float[Tensor, "*lead d_model"]) -> Float[Tensor, "*lead d_model"]:
        """The same with the scale as a constant."""
        return self.centre(self.scale * gradient)

    def secant(self, gradient: Float[Tensor, "*lead d_model"], to: NormStatistics) -> Float[Tensor, "*lead d_model"]:
        """The transpose of the finite difference to another run."""
        both, middle = self.scale + to.scale, self.centred + to.centred
        along = (middle * gradient).sum(-1, keepdim=True)
        along = along * (self.scale * to.scale).square() / (2 * both * gradient.shape[-1])
        return self.centre(both / 2 * gradient - middle * along)
