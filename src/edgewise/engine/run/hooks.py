"""Borrowing a model: hooks and frozen parameters for the time of a run, and no trace afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from edgewise.models.alone import alone
from edgewise.models.placement import device_of

Watch = Callable[[Tensor], Tensor | None]


class Hooks:
    """Hooks on modules, taken off together. A hook sees one tensor and may return another to stand in for it.

    Tensors are ``[batch, pos, width]`` to a hook, also where a model lays all tokens in one row for some modules, as
    OPT does for its MLP. What a hook sees before a module is on the module's own device, whichever device the stream
    comes from.

    Args:
        model: the model that the modules are of.
    """

    def __init__(self, model: nn.Module) -> None:
        self._handles: list[RemovableHandle] = []
        self._skipped: list[tuple[nn.Module, Any]] = []
        self._batch: list[int] = []
        self._handles.append(model.register_forward_pre_hook(self._note_batch, with_kwargs=True))

    def before(self, module: nn.Module, watch: Watch) -> None:
        """Call ``watch`` with the module's first argument (or its keyword ``hidden_states``) before it runs."""
        call = partial(_call_before, partial(_by_row, watch, self._batch), device_of(module))
        self._handles.append(module.register_forward_pre_hook(call, with_kwargs=True))

    def after(self, module: nn.Module, watch: Watch) -> None:
        """Call ``watch`` with the module's output (the first of a tuple) after it ran."""
        call = partial(_call_after, partial(_by_row, watch, self._batch))
        self._handles.append(module.register_forward_hook(call))

    def returned(self, module: nn.Module, note: Callable[[object], None]) -> None:
        """Call ``note`` with all that the module returned."""
        self._handles.append(module.register_forward_hook(lambda _, __, output: note(output)))

    def skip(self, module: nn.Module, instead: Callable[..., Any]) -> None:
        """Let ``instead`` be called with the module's arguments in the module's place; hooks on it still run."""
        self._skipped.append((module, module.__dict__.get("forward")))
        module.forward = instead

    def remove(self) -> None:
        """Take every hook off again."""
        while self._skipped:
            module, before = self._skipped.pop()
            if before is None:
                del module.forward
            else:
                module.forward = before
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _note_batch(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids = args[0] if args else kwargs.get("input_ids")
        self._batch[:] = [len(ids)] if isinstance(ids, Tensor) else []


def _by_row(watch: Watch, batch: list[int], seen: Tensor) -> Tensor | None:
    """Call ``watch`` with ``[batch, pos, width]``, whether or not the model has laid its tokens in one row."""
    if seen.ndim != 2:
        return watch(seen)
    replaced = watch(seen.unflatten(0, (batch[0], -1)))
    return None if replaced is None else replaced.flatten(0, 1)


def _call_before(
    watch: Watch, device: torch.device | None, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    given: Tensor = args[0] if args else kwargs["hidden_states"]
    here = given if device is None else given.to(device)
    replaced = watch(here)
    if replaced is None:
        # What was watched is what goes on: a mark on it, or a view of it, is not to be lost in another move.
        if here is given:
            return None
        replaced = here
    return ((replaced, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": replaced})


def _call_after(watch: Watch, _: nn.Module, __: Any, output: Any) -> Any:
    if isinstance(output, tuple):
        replaced = watch(output[0])
        return None if replaced is None else (replaced, *output[1:])
    return watch(output)


@contextmanager
def borrowed(module: nn.Module) -> Iterator[Hooks]:
    """Hooks on a model whose parameters need no gradient meanwhile; afterwards all is as before, errors included.

    Another thread that wants the same model waits.
    """
    with alone(module):
        parameters = list(module.parameters())
        flags = [parameter.requires_grad for parameter in parameters]
        hooks = Hooks(module)
        try:
            for parameter in parameters:
                parameter.requires_grad_(False)
            yield hooks
        finally:
            hooks.remove()
            for parameter, flag in zip(parameters, flags, strict=True):
                parameter.requires_grad_(flag)
