"""A model that runs a little otherwise than it stands, computes the same, and is afterwards as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from torch import Tensor, nn


class Adapted(nn.Module):
    """A model some of whose modules return another view of their output while it runs.

    Args:
        model: the model; as it was between runs.
        outputs: by module, from its output to what everything behind it is given, hooks included.
        told: of some modules, attributes and their values for the time of a run.
    """

    def __init__(
        self,
        model: nn.Module,
        outputs: Mapping[nn.Module, Callable[[Tensor], Tensor]],
        told: Sequence[tuple[nn.Module, str, Any]],
    ) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self._outputs, self._told = dict(outputs), tuple(told)

    @property
    def config(self) -> Any:
        """The model's own."""
        return self.model.config

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model."""
        with ExitStack() as undo:
            for module, change in self._outputs.items():
                # First, so that all other hooks see the changed output.
                undo.callback(module.register_forward_hook(partial(_change, change), prepend=True).remove)
            for module, name, value in self._told:
                undo.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
            return self.model(*args, **kwargs)


def within(module: nn.Module) -> nn.Module:
    """The model itself."""
    while isinstance(module, Adapted):
        module = module.model
    return module


def _change(change: Callable[[Tensor], Tensor], _: nn.Module, __: Any, output: Any) -> Any:
    return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)
