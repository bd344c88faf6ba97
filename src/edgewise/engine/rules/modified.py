"""Rule sets of published methods that change the backward pass of the clean run alone.

RelP (Jafari et al. 2025, "RelP", arXiv:2508.21258): layer-wise relevance propagation as gradients. Norms keep their
scale, an activation's slope is ``act(x)/x``, a gated product gives each factor half. Queries and keys have their true
gradient: the variant that detaches the attention pattern gives every edge into them zero.

GIM (Edin et al. 2025, "GIM", arXiv:2505.17630): norms keep their scale, every product of two parts of the stream gives
each half (so queries and keys get a quarter, values and patterns a half), and the softmax has the derivative of one at
temperature 2, ``s * (g - sum(s g))`` with ``s = softmax(x/2)``.
"""

from __future__ import annotations

from torch import Tensor

from edgewise.engine.rules.rule import Function, Kind, Rules, derivative
from edgewise.engine.rules.statistics import NormStatistics

NEAR_ZERO = 1e-6
# Not zero at zero, so f(x)/x says nothing.
NOT_THROUGH_ZERO = frozenset(
    "sigmoid exp log log1p logsigmoid softplus erf cos reciprocal sqrt hardsigmoid clamp".split()
)


class RelP(Rules):
    """Layer-wise relevance propagation's linearisation of the clean run."""

    name = "relp"
    replaces = frozenset({Kind.PRODUCT, Kind.ELEMENTWISE, Kind.NORM})
    frozen = frozenset({"rsqrt"})
    refused = NOT_THROUGH_ZERO

    def factor(self, x: Tensor, x_ref: Tensor) -> Tensor:
        """Half of it."""
        return x / 2

    def slope(self, f: Function, kinked: bool, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        """``f(x)/x``, its limit at zero."""
        near = x.abs() < NEAR_ZERO
        slope = y / x.masked_fill(near, 1.0)
        if near.any():
            slope[near] = derivative(f, x[near])
        return slope

    def through_norm(self, gradient: Tensor, own: NormStatistics, ref: NormStatistics | None) -> Tensor:
        """The scale as a constant."""
        return own.freeze(gradient)


class Gim(Rules):
    """Gradients that self-repair in the attention's softmax hides less from."""

    name = "gim"
    replaces = frozenset({Kind.PRODUCT, Kind.MATMUL, Kind.SOFTMAX, Kind.NORM})
    frozen = frozenset({"rsqrt"})

    def factor(self, x: Tensor, x_ref: Tensor) -> Tensor:
        """Half of it."""
        return x / 2

    def through_softmax(self, gradient: Tensor, dim: int, p: Tensor, p_ref: Tensor, gap: Tensor | None) -> Tensor:
        """At temperature 2: ``softmax(x/2)`` is the normalised root of ``softmax(x)``."""
        warm = p.sqrt()
        warm = warm / warm.sum(dim, keepdim=True)
        return warm * (gradient - (warm * gradient).sum(dim, keepdim=True))

    def through_norm(self, gradient: Tensor, own: NormStatistics, ref: NormStatistics | None) -> Tensor:
        """The scale as a constant."""
        return own.freeze(gradient)
