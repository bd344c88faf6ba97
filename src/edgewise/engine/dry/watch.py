"""What a run does, counted while it is made without values: floating-point operations, bytes, and what is held when.

- Operations: as torch's `FlopCounterMode` counts them, by formula for every matrix product and attention.
- Memory: every storage counts from the operation that makes it to the moment when nothing holds it any more.
- Whose it is: of the model (activations and their gradients), of the engine, or logits: by the innermost caller.

What would depend on values is answered plainly: a number is one, a choice of entries is none.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

from edgewise.models import Model

aten = torch.ops.aten
ACTIVATIONS, ENGINE, LOGITS = "activations", "engine", "logits"
PARTS = (ACTIVATIONS, ENGINE, LOGITS)
# Modules of the model's own code, and torch's own backward.
_OF_MODEL = ("transformers.", "torch.nn.modules.", "edgewise.models.lens.module")
_BACKWARD = ("torch.autograd", "torch.autograd.graph")
# Of so many bytes and more, the C library asks the system every time; what is smaller, it uses again.
_ALWAYS_NEW = 1 << 25
# What these read of a table is what they return, not the table.
_LOOK_UPS = (aten.embedding, aten.index, aten.gather, aten.index_select)


@dataclass(frozen=True)
class Operation:
    """One operation as it is timed.

    Args:
        flops: floating-point operations of a product; 0 of all others.
        dtype: of what is multiplied.
        moved: bytes read and written.
        fresh: of these, bytes of memory that the system has to give first.
    """

    flops: float
    dtype: torch.dtype
    moved: int
    fresh: int


@dataclass
class Seen:
    """What was counted.

    Attributes:
        flops: by type of what is multiplied.
        operations: how many.
        seconds: by the rule given to `watched`.
        held: bytes at the peak, by part.
        left: bytes that are held at the end.
    """

    flops: Counter[torch.dtype] = field(default_factory=Counter)
    operations: int = 0
    seconds: float = 0.0
    held: Mapping[str, int] = field(default_factory=dict)
    left: int = 0

    @property
    def peak(self) -> int:
        """Bytes held at most."""
        return sum(self.held.values())


@contextmanager
def watched(model: Model, seconds: Callable[[Operation], float], *, alike: bool = True) -> Iterator[Seen]:
    """Count what is done with a model within, its weights left out.

    Args:
        model: without values (`edgewise.engine.dry.stand_in`).
        seconds: how long an operation takes.
        alike: whether two tensors that are compared are said to be equal.
    """
    seen = Seen()
    mode = _Watch(seen, seconds, model, alike)
    with warnings.catch_warnings(), mode:
        warnings.filterwarnings("ignore", message="Accessing the data pointer of FakeTensor")
        yield seen
    seen.left = sum(mode.live.values())


class _Watch(TorchDispatchMode):
    def __init__(self, seen: Seen, seconds: Callable[[Operation], float], model: Model, alike: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: Counter[str] = Counter()
        self._seen, self._seconds, self._output_size = seen, seconds, model.output_size
        weights = chain(model.module.parameters(), model.module.buffers())
        self._known = {x.untyped_storage()._cdata for x in weights}
        self._most, self._alike = 0, alike

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is aten.equal.default and any(isinstance(x, FakeTensor) for x in args):
            return self._alike
        answer = _ANSWERS.get(func)
        if answer is not None and (found := answer(*args, **kwargs)) is not NotImplemented:
            return found
        out = func(*args, **kwargs)
        made = [x for x in tree_leaves(out) if isinstance(x, FakeTensor)]
        if made:
            self._count(func, args, kwargs, out, made)
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any, made: Sequence[Tensor]) -> None:
        fresh = sum(self._note(x) for x in made)
        if func.is_view:
            return
        read = [] if func.overloadpacket in _LOOK_UPS else [x for x in tree_leaves((args, kwargs)) if _is_tensor(x)]
        formula = flop_registry.get(func.overloadpacket)
        flops = 0 if formula is None else formula(*args, **kwargs, out_val=out)
        first = next((x for x in read if x.is_floating_point()), made[0])
        moved = sum(x.numel() * x.element_size() for x in (*read, *made))
        if flops:
            self._seen.flops[first.dtype] += flops
        self._seen.operations += 1
        self._seen.seconds += self._seconds(Operation(flops, first.dtype, moved, fresh))

    def _note(self, x: Tensor) -> int:
        """Count a tensor's storage once, as long as it is there; the bytes for which the system must be asked."""
        storage = x.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return 0
        part = LOGITS if x.ndim > 1 and x.shape[-1] == self._output_size else _owner()
        self._known.add(key)
        self.live[part] += size
        weakref.finalize(storage, self._gone, key, part, size)
        total, most = sum(self.live.values()), self._most
        if total > most:
            self._most, self._seen.held = total, dict(self.live)
        return size if size > _ALWAYS_NEW else min(size, max(0, total - most))

    def _gone(self, key: int, part: str, size: int) -> None:
        self._known.discard(key)
        self.live[part] -= size


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor)


def _owner() -> str:
    """Whose code asked for the operation at hand."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_OF_MODEL) or name in _BACKWARD:
            return ACTIVATIONS
        if name.startswith("edgewise.") and not name.startswith(__package__):
            return ENGINE
        frame = frame.f_back
    return ENGINE


# What values would decide


def _number(x: Tensor) -> Any:
    if not isinstance(x, FakeTensor):
        return NotImplemented
    return 1.0 if x.is_floating_point() else 1


def _none_of(x: Tensor) -> Any:
    return x.new_empty(0, x.ndim, dtype=torch.long, device="cpu") if isinstance(x, FakeTensor) else NotImplemented


def _chosen(x: Tensor, indices: Any) -> Any:
    """One entry in the place of those that a mask would choose."""
    if not any(_is_mask(index) for index in indices):
        return NotImplemented
    mask = next(index for index in indices if _is_mask(index))
    return x.new_empty(1, *x.shape[mask.ndim :])


def _put(x: Tensor, indices: Any, *_: Any, **__: Any) -> Any:
    return x if any(_is_mask(index) for index in indices) else NotImplemented


def _is_mask(index: Any) -> bool:
    return isinstance(index, FakeTensor) and index.dtype == torch.bool


_ANSWERS: dict[Any, Callable[..., Any]] = {
    aten._local_scalar_dense.default: _number,
    aten.nonzero.default: _none_of,
    aten.index.Tensor: _chosen,
    aten.index_put_.default: _put,
    aten._index_put_impl_.default: _put,
}


# torch has no formula for the attention kernel of CPUs.


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(gradient.shape, query.shape, key.shape, value.shape))


_ON_CPU = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
flop_registry.update({func: formula for func, formula in _ON_CPU.items() if func not in flop_registry})
