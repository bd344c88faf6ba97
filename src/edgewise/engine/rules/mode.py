"""The torch function mode that puts a rule set's derivatives in the place of the true ones during a forward pass.

Every torch operation of the pass arrives here by name (`edgewise.engine.rules.kinds`):

1. One whose tensors neither carry a gradient nor differ between the two runs is none of our business.
2. A linear one runs as it is. Where a reference run goes along (`edgewise.engine.rules.reference`), it runs a second
   time on the references, without gradients: one pass of the model makes both runs.
3. One of the kinds that the rule set replaces gets its own value and the rule's derivative.
4. Fused attention is taken apart into products and a softmax, which then arrive here themselves.
5. Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgewise.engine.rules import kinds
from edgewise.engine.rules.functions import Elementwise, Normed, Product, Softmax
from edgewise.engine.rules.reference import attach, has_reference, own_reference, reference, swapped, tensors_in
from edgewise.engine.rules.rule import Kind, Rules
from edgewise.engine.rules.statistics import NormStatistics
from edgewise.engine.rules.steps import attention_by_steps, baddbmm_by_steps
from edgewise.errors import UnsupportedModelError

Operation = Callable[..., Any]
OWN = (Elementwise, Normed, Product, Softmax)


class Ruled(TorchFunctionMode):
    """While this is active, operations have a rule set's derivatives.

    Args:
        rules: the rule set.

    Attributes:
        chose: whether the pass made a choice, such as a router's, which the reference run had to follow.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules, self.chose = rules, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation."""
        kwargs = kwargs or {}
        name = _name(func)
        if name is None or name in kinds.PASSIVE:
            return func(*args, **kwargs)
        carried = [x for x in tensors_in([args, kwargs]) if x.requires_grad or has_reference(x)]
        if not carried:
            return func(*args, **kwargs)
        for x in carried:
            _require_seen(self, x)
        if name in kinds.LINEAR:
            return self.both(func, args, kwargs)
        return self._other(name, func, args, kwargs, sum(x.requires_grad for x in carried))

    def both(self, func: Operation, args: Any, kwargs: Any) -> Any:
        """An operation as it is, in both runs."""
        result = func(*args, **kwargs)
        if self.rules.paired and any(map(has_reference, tensors_in([args, kwargs]))):
            with torch.no_grad():
                attach(result, func(*swapped(args), **swapped(kwargs)))
        return result

    def activation_unit(self, f: Operation, x: Tensor, *, kinked: bool) -> Tensor:
        """A module that is elementwise, as one operation; for hooks, which run while the mode is active."""
        with torch._C.DisableTorchFunction():
            _require_seen(self, x)
            return self.elementwise(f, x, kinked=kinked)

    def norm_unit(self, f: Operation, x: Tensor, gain: Tensor | None, *, removes_mean: bool, eps: float) -> Tensor:
        """A module that is a norm, as one operation; likewise."""
        with torch._C.DisableTorchFunction():
            _require_seen(self, x)
            return self.normed(f, x, gain, removes_mean=removes_mean, eps=eps)

    def elementwise(self, f: Operation, x: Tensor, *, kinked: bool) -> Tensor:
        """``f(x)`` with the rule's derivative."""
        y: Tensor
        with torch.no_grad():
            y_ref = f(reference(x)) if has_reference(x) else None
        if not x.requires_grad or Kind.ELEMENTWISE not in self.rules.replaces:
            y = f(x)
            # A view: whatever made it, this is a known step.
            return attach(y.view_as(y), y_ref)
        with torch.no_grad():
            y_ref = f(reference(x)) if y_ref is None else y_ref
        y = Elementwise.apply(x, f, kinked, reference(x), y_ref, self.rules)  # type: ignore[no-untyped-call]
        return attach(y, y_ref)

    def normed(self, f: Operation, x: Tensor, gain: Tensor | None, *, removes_mean: bool, eps: float) -> Tensor:
        """What a norm makes of ``x``, with the rule's derivative."""
        with torch.no_grad():
            y: Tensor = f(x)
            y_ref = f(reference(x)) if has_reference(x) else None
            if not x.requires_grad:
                return attach(y, y_ref)
            own = NormStatistics.of(x.detach(), removes_mean=removes_mean, eps=eps)
            ref = own
            if y_ref is not None:
                ref = NormStatistics.of(reference(x), removes_mean=removes_mean, eps=eps)
        out: Tensor = Normed.apply(x, y, gain, own, ref, self.rules)  # type: ignore[no-untyped-call]
        return attach(out, y_ref)

    def _other(self, name: str, func: Operation, args: Any, kwargs: Any, n_tracked: int) -> Any:
        """What is not linear, or writes."""
        if "other" in kwargs:
            args, kwargs = (*args, kwargs["other"]), {key: x for key, x in kwargs.items() if key != "other"}
        if name in kinds.PRODUCTS and isinstance(args[1], Tensor):
            if name == "__imul__":
                return self._write("mul_", func, args, kwargs)
            return self._product(kinds.PRODUCTS[name] == "matmul", func, args, kwargs)
        if name in kinds.PRODUCTS:
            return self.both(func, args, kwargs)
        if name in kinds.QUOTIENTS or name == "__rtruediv__":
            return self._quotient(name, func, args, kwargs)
        if name in kinds.WRITING or name in kinds.WRITING_PRODUCTS:
            return self._write(name, func, args, kwargs)
        if name in kinds.SMOOTH | kinds.KINKED:
            return self._elementwise(name, func, args, kwargs)
        if name in kinds.SOFTMAX:
            return self._softmax(*args, **kwargs)
        if name in kinds.NORMS:
            return self._norm(name, func, *args, **kwargs)
        if name == kinds.ATTENTION:
            with self:
                return attention_by_steps(*args, **kwargs)
        if name == "baddbmm":
            with self:
                return baddbmm_by_steps(*args, **kwargs)
        if name in kinds.CHOICES:
            return self._choose(name, func, args, kwargs)
        if name in kinds.QUESTIONS and not any(x.is_floating_point() for x in tensors_in([args, kwargs])):
            return func(*args, **kwargs)
        if name in kinds.SHIFTS and kwargs.get("keepdim"):
            return self._shift(func, args, kwargs)
        if not n_tracked and not self.rules.paired:
            return func(*args, **kwargs)
        raise self._refusal(name)

    def _refusal(self, name: str) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"method '{self.rules.name}' has no rule for torch's {name!r}, which this model computes on the stream;"
            " use a method of plain gradients, such as 'eap' or 'eap-ig-inputs'"
        )

    def _product(self, matrices: bool, func: Operation, args: Any, kwargs: Any) -> Any:
        a, b = args
        kind = Kind.MATMUL if matrices else Kind.PRODUCT
        if not (a.requires_grad and b.requires_grad and kind in self.rules.replaces):
            return self.both(func, args, kwargs)
        if min(a.ndim, b.ndim) < 2 and matrices:
            raise self._refusal("product of a matrix and a vector")
        a_ref, b_ref = reference(a), reference(b)
        y: Tensor = Product.apply(a, b, a_ref, b_ref, matrices, self.rules)  # type: ignore[no-untyped-call]
        if not self.rules.paired:
            return y
        with torch.no_grad():
            return attach(y, a_ref @ b_ref if matrices else a_ref * b_ref)

    def _quotient(self, name: str, func: Operation, args: Any, kwargs: Any) -> Any:
        above, below = reversed(args) if name == "__rtruediv__" else args
        if kwargs.get("rounding_mode"):
            raise self._refusal("division that rounds")
        if not isinstance(below, Tensor) or not (below.requires_grad or has_reference(below)):
            return self.both(func, args, kwargs)
        with self:
            return below.reciprocal() * above

    def _write(self, name: str, func: Operation, args: Any, kwargs: Any) -> Any:
        into = args[0]
        others = [x for x in tensors_in([args[1:], kwargs]) if x.requires_grad or has_reference(x)]
        if name in kinds.WRITING_PRODUCTS and others:
            with self:
                before = into.clone()
                return into.copy_(before * args[1] if name == "mul_" else before / args[1])
        if self.rules.paired and others and not has_reference(into):
            if into._is_view():
                raise self._refusal(f"{name} into a part of a tensor")
            own_reference(into)
        result = func(*args, **kwargs)
        if self.rules.paired and has_reference(into):
            with torch.no_grad():
                func(*swapped(args), **swapped(kwargs))
            if isinstance(result, Tensor):
                attach(result, reference(into))
        return result

    def _elementwise(self, name: str, func: Operation, args: Any, kwargs: Any) -> Any:
        x, *others = args
        if name in self.rules.frozen:
            return self.both(func, args, kwargs).detach() if not self.rules.paired else self._frozen(func, args, kwargs)
        if name in self.rules.refused or any(y.requires_grad or has_reference(y) for y in tensors_in([others, kwargs])):
            raise self._refusal(name)
        return self.elementwise(partial(_applied, func, tuple(others), kwargs), x, kinked=name in kinds.KINKED)

    def _frozen(self, func: Operation, args: Any, kwargs: Any) -> Any:
        result = self.both(func, args, kwargs)
        constant = result.detach()
        return attach(constant, reference(result))

    def _softmax(self, input: Tensor, dim: int = -1, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> Tensor:
        x = input
        if dtype is not None and x.dtype != dtype:
            x = self.both(torch.Tensor.to, (x, dtype), {})
        with torch.no_grad():
            p_ref = reference(x).softmax(dim)
        if not x.requires_grad or Kind.SOFTMAX not in self.rules.replaces:
            return attach(x.softmax(dim), p_ref) if has_reference(x) else x.softmax(dim)
        p: Tensor = Softmax.apply(x, dim, reference(x), p_ref, self.rules)  # type: ignore[no-untyped-call]
        return attach(p, p_ref) if self.rules.paired else p

    def _norm(
        self,
        name: str,
        func: Operation,
        input: Tensor,
        normalized_shape: Any,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float | None = None,
    ) -> Tensor:
        if len(normalized_shape) != 1:
            raise self._refusal(f"{name} over several axes")
        if eps is None:
            eps = 1e-5 if name == "layer_norm" else torch.finfo(input.dtype).eps
        more = (bias,) if name == "layer_norm" else ()
        f = partial(_applied, func, (normalized_shape, weight, *more, eps), {})
        return self.normed(f, input, weight, removes_mean=name == "layer_norm", eps=eps)

    def _choose(self, name: str, func: Operation, args: Any, kwargs: Any) -> Any:
        self.chose = True
        result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            return result
        if not self.rules.paired:
            return type(result)((result[0].detach(), result[1]))
        dim = kwargs.get("dim", args[2] if name == "topk" and len(args) > 2 else -1)
        values, indices = result
        with torch.no_grad():
            attach(values, reference(args[0]).gather(dim, indices))
        return result

    def _shift(self, func: Operation, args: Any, kwargs: Any) -> Any:
        with torch.no_grad():
            return self.both(func, args, kwargs)


def _require_seen(mode: Ruled, x: Tensor) -> None:
    """Refuse what a function with a backward of its own has made: the mode sees only torch's operations.

    Raises:
        UnsupportedModelError: naming the function.
    """
    function = getattr(x.grad_fn, "_forward_cls", None)  # only a function that is written in Python has one
    if function is not None and function not in OWN:
        raise mode._refusal(function.__name__)


def _name(func: Any) -> str | None:
    """An operation's name; None for an attribute that is no tensor."""
    name: str = getattr(func, "__name__", "") or str(func)
    if name in ("__get__", "__set__", "__delete__"):
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        return "view" if attribute in kinds.TENSOR_ATTRIBUTES and name == "__get__" else None
    return name


def _applied(func: Operation, others: tuple[Any, ...], kwargs: dict[str, Any], x: Tensor) -> Tensor:
    result: Tensor = func(x, *others, **kwargs)
    return result
