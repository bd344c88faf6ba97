"""A rule set: what stands for the derivative of a product, an activation, a softmax and a norm.

The base class has the true derivatives; a rule set changes some, and says which (``replaces``): operations of other
kinds are left to autograd. Each rule gives the factors that the incoming gradient is multiplied with.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

import torch
from torch import Tensor

from edgewise.engine.rules.statistics import NormStatistics

Function = Callable[[Tensor], Tensor]


class Kind(Enum):
    """Kinds of operations that are not linear."""

    PRODUCT = auto()
    MATMUL = auto()
    ELEMENTWISE = auto()
    SOFTMAX = auto()
    NORM = auto()


class Rules:
    """True derivatives.

    Attributes:
        name: for messages.
        paired: whether a reference run goes along.
        replaces: kinds of operations whose derivative is not the true one.
        frozen: names of elementwise operations whose result counts as a constant: ``rsqrt`` freezes norms.
        refused: names of operations that the rule set has no answer for.
    """

    name = "true"
    paired = False
    replaces: frozenset[Kind] = frozenset()
    frozen: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def factor(self, x: Tensor, x_ref: Tensor) -> Tensor:
        """What the gradient of a product's other factor is multiplied with."""
        return x

    def slope(self, f: Function, kinked: bool, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        """What the gradient of ``y = f(x)``, elementwise, is multiplied with."""
        return derivative(f, x)

    def through_softmax(self, gradient: Tensor, dim: int, p: Tensor, p_ref: Tensor, gap: Tensor | None) -> Tensor:
        """The gradient at a softmax's logits; ``gap`` is ``log p_ref - log p``."""
        return p * (gradient - (p * gradient).sum(dim, keepdim=True))

    def through_norm(self, gradient: Tensor, own: NormStatistics, ref: NormStatistics | None) -> Tensor:
        """The gradient at a norm's input, from that at its output, the gain applied."""
        return own.pull(gradient)


def derivative(f: Function, x: Tensor) -> Tensor:
    """``f'(x)`` of an elementwise function."""
    with torch.enable_grad():
        at = x.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(f(at).sum(), at)
    return slope
