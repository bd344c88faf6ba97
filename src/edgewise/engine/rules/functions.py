"""Operations with their own value and a rule set's derivative. The rules are asked in the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edgewise.engine.rules.rule import Function, Rules
from edgewise.engine.rules.statistics import NormStatistics


class Product(torch.autograd.Function):
    """``a * b`` or ``a @ b``."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor, matrices: bool, rules: Rules) -> Tensor:
        ctx.save_for_backward(a, b, a_ref, b_ref)
        ctx.matrices, ctx.rules = matrices, rules
        return a @ b if matrices else a * b

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        a, b, a_ref, b_ref = ctx.saved_tensors
        (gradient,) = gradients
        for_a, for_b = ctx.rules.factor(b, b_ref), ctx.rules.factor(a, a_ref)
        if ctx.matrices:
            at_a, at_b = gradient @ for_a.mT, for_b.mT @ gradient
        else:
            at_a, at_b = gradient * for_a, gradient * for_b
        return at_a.sum_to_size(a.shape).to(a.dtype), at_b.sum_to_size(b.shape).to(b.dtype), None, None, None, None


class Elementwise(torch.autograd.Function):
    """``f(x)``, one number from one number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Function, kinked: bool, x_ref: Tensor, y_ref: Tensor, rules: Rules) -> Tensor:
        y = f(x)
        ctx.save_for_backward(x, x_ref, y, y_ref)
        ctx.f, ctx.kinked, ctx.rules = f, kinked, rules
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, x_ref, y, y_ref = ctx.saved_tensors
        slope = ctx.rules.slope(ctx.f, ctx.kinked, x, x_ref, y, y_ref)
        return (gradients[0] * slope).to(x.dtype), None, None, None, None, None


class Softmax(torch.autograd.Function):
    """``softmax(x, dim)``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, x_ref: Tensor, p_ref: Tensor, rules: Rules) -> Tensor:
        p = x.softmax(dim)
        gap = _log_ratio(x, x_ref, dim) if rules.paired else None
        ctx.save_for_backward(p, p_ref, gap)
        ctx.dim, ctx.rules = dim, rules
        return p

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        p, p_ref, gap = ctx.saved_tensors
        return ctx.rules.through_softmax(gradients[0], ctx.dim, p, p_ref, gap), None, None, None, None


def _log_ratio(x: Tensor, x_ref: Tensor, dim: int) -> Tensor:
    """``log p' - log p`` of two softmaxes, which neither underflow hides; NaN where both are masked by infinity."""
    return (x_ref - x) - (x_ref.logsumexp(dim, keepdim=True) - x.logsumexp(dim, keepdim=True))


class Normed(torch.autograd.Function):
    """A norm's own value ``y``, given with the statistics of its input."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        y: Tensor,
        gain: Tensor | None,
        own: NormStatistics,
        ref: NormStatistics | None,
        rules: Rules,
    ) -> Tensor:
        ctx.gain, ctx.own, ctx.ref, ctx.rules = gain, own, ref, rules
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        gradient = gradient.to(ctx.own.centred.dtype)
        if ctx.gain is not None:
            gradient = gradient * ctx.gain.to(gradient.dtype)
        return ctx.rules.through_norm(gradient, ctx.own, ctx.ref).to(gradients[0].dtype), None, None, None, None, None
