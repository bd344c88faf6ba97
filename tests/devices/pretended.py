"""Devices that are only pretended: tensors that say they are on one, are held by the CPU, and never meet another's.

torch takes them for those of a backend of its own: they have a ``device``, move by ``.to``, go through autograd and
through accelerate's hooks as a GPU's do. An operation on tensors of two devices is refused, as CUDA refuses it: only
numbers (no dimensions), and indices, may come from the CPU.
"""

from __future__ import annotations

import sys
import traceback
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretended"
N_DEVICES = 3
ATEN = torch.ops.aten
# These take a tensor from one place to another, or indices from the CPU.
MOVES = {ATEN._to_copy, ATEN.copy_}
INDEXED = {ATEN.index, ATEN.index_put, ATEN.index_put_, ATEN._index_put_impl_}
LOOKS = {Tensor.tolist, Tensor.data_ptr}


class MixedPlacesError(AssertionError):
    """An operation on tensors of two devices."""


class Pretended(Tensor):
    """A tensor that says it is on a pretended device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor, device: torch.device) -> Pretended:
        """Put a CPU tensor there."""
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, device=device
        )
        made.held = held
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What looks into a tensor's memory looks into that of the one that is held."""
        if func in LOOKS:
            return func(_held(args[0]), *args[1:], **(kwargs or {}))
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation on the CPU, where its tensors are of one place."""
        kwargs = dict(kwargs or {})
        packet = func.overloadpacket
        device = _device_of(packet, pytree.tree_leaves((args, kwargs)))
        if kwargs.get("device") is not None:
            device = torch.device(kwargs["device"])
            kwargs["device"] = torch.device("cpu")
        if packet is ATEN.copy_:
            device = args[0].device
        out = func(*pytree.tree_map(_held, args), **pytree.tree_map(_held, kwargs))
        grown = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Pretended) and x.shape != x.held.shape]
        assert not grown, f"{func} gave a tensor another size, which is not pretended"
        if packet is ATEN._to_copy and device.type == "cpu":
            return out
        if device.type == NAME:
            out = pytree.tree_map(lambda x: Pretended(x, device) if type(x) is Tensor else x, out)
        return return_and_correct_aliasing(func, args, kwargs, out)


def _held(x: Any) -> Any:
    return x.held if isinstance(x, Pretended) else x


def _device_of(packet: Any, leaves: list[Any]) -> torch.device:
    """The one device of some operands."""
    tensors = [x for x in leaves if isinstance(x, Tensor)]
    there = [x.device for x in tensors if isinstance(x, Pretended)]
    devices = dict.fromkeys(there)
    if packet in MOVES:
        return there[0]
    if packet not in INDEXED:
        devices |= dict.fromkeys(x.device for x in tensors if not isinstance(x, Pretended) and x.ndim)
    if len(devices) > 1:
        error = MixedPlacesError(f"{packet} of tensors on {', '.join(map(str, devices))}")
        # Said at once: an error within a backward pass ends a process with pretended devices without a word.
        sys.stderr.write("\n".join([str(error), *traceback.format_stack(limit=12)[:-2]]))
        raise error
    return next(iter(devices))


class _Module(_DummyBackendModule):
    def device_count(self) -> int:
        return N_DEVICES

    def is_available(self) -> bool:
        return False

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


def _empty(size: Any, *, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return Pretended(torch.empty(size, dtype=dtype, device="cpu"), torch.device(device))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return Pretended(torch.empty_strided(size, stride, dtype=dtype, device="cpu"), torch.device(device))


def _arange(*ends: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return Pretended(torch.arange(*ends, dtype=dtype, device="cpu"), torch.device(device))


def _backward(run: Any, *args: Any, **kwargs: Any) -> Any:
    """A backward pass in the thread that asks for it: a pretended device has none of its own."""
    with torch.autograd.set_multithreading_enabled(False):
        return run(*args, **kwargs)


def register() -> torch.library.Library:
    """Make the devices known to this process; what is returned must be kept."""
    _setup_privateuseone_for_python_backend(NAME, _Module())
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty.memory_format", _empty, "PrivateUse1")
    library.impl("empty_strided", _empty_strided, "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    for overload in ("arange", "arange.start", "arange.start_step"):
        library.impl(overload, _arange, "PrivateUse1")
    torch.autograd._engine_run_backward = partial(_backward, torch.autograd._engine_run_backward)  # type: ignore
    return library


def _copy_from(source: Tensor, to: Tensor, non_blocking: bool = False) -> Tensor:
    _held(to).copy_(_held(source))
    return to
