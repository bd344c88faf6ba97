"""The secant rules: every derivative replaced by its exact finite difference to the reference run.

With unprimed values of the run that is differentiated and primed ones of the reference:

    product a b      each factor's gradient times the mean of the other, (b + b')/2 and (a + a')/2
    elementwise f    (f(x') - f(x)) / (x' - x); f' halfway where x' - x is too small to divide by
    softmax          l * (g - sum(l g) / sum(l)),  l = (p' - p) / (log p' - log p), the logarithmic mean of p and p'
    norm             see `edgewise.engine.rules.statistics`

Each is the transpose of a matrix M with ``M (x' - x) = f(x') - f(x)``, so the chain of all of them takes the difference
at the input to the difference at the logits: scores add up to ``L' - L`` (completeness, as DeepLIFT's "rescale" and
Shapley values of two factors do). M is the same when the two runs change places.
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgewise.engine.rules.rule import Function, Kind, Rules, derivative
from edgewise.engine.rules.statistics import NormStatistics


class Secant(Rules):
    """Finite differences to a reference run.

    Args:
        name: the method's.
        between: whether products of different destinations, of queries with keys and of patterns with values, are
            finite differences too. Without, each factor's gradient is multiplied with the other one of this run, as a
            patch of one edge leaves it; and the rules are no longer complete.

    Attributes:
        exact: set to False, the same forward pass has true derivatives instead: one pass serves two backward passes.
    """

    paired = True

    def __init__(self, name: str = "secant", *, between: bool = True) -> None:
        self.name, self.exact = name, True
        self.replaces = frozenset(Kind) if between else frozenset(Kind) - {Kind.MATMUL}

    def factor(self, x: Tensor, x_ref: Tensor) -> Tensor:
        """The mean of both runs."""
        return (x + x_ref) / 2 if self.exact else x

    def slope(self, f: Function, kinked: bool, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        """The difference quotient; where it would be rounding, the derivative halfway, equal to second order."""
        if not self.exact:
            return derivative(f, x)
        gap = x_ref - x
        # The quotient's rounding is eps / gap, the derivative's error gap^2: they meet at the cube root.
        least = 0.0 if kinked else torch.finfo(x.dtype).eps ** (1 / 3)
        near = gap.abs() <= least
        slope = (y_ref - y) / gap.masked_fill(near, 1.0)
        if near.any():
            slope[near] = derivative(f, ((x + x_ref) / 2)[near])
        return slope

    def through_softmax(self, gradient: Tensor, dim: int, p: Tensor, p_ref: Tensor, gap: Tensor | None) -> Tensor:
        """By the logarithmic mean; a key that is masked in both runs has none."""
        if gap is None or not self.exact:
            return super().through_softmax(gradient, dim, p, p_ref, gap)
        size = gap.abs()
        share = torch.where(size > 1e-4, -torch.expm1(-size) / size, 1 - size / 2)
        mean = torch.maximum(p, p_ref)
        mean = torch.where(mean > 0, mean * share, 0.0)
        centre = (mean * gradient).sum(dim, keepdim=True) / mean.sum(dim, keepdim=True)
        return mean * (gradient - centre)

    def through_norm(self, gradient: Tensor, own: NormStatistics, ref: NormStatistics | None) -> Tensor:
        """The finite difference of the norm."""
        return own.secant(gradient, ref) if ref is not None and self.exact else own.pull(gradient)
