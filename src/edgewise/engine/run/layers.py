"""Which layers have run, for whoever waits for a long pass. Nothing that is computed is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from edgewise.engine.run.hooks import borrowed
from edgewise.models import Model


@contextmanager
def layers_told(model: Model, passed: Callable[[], None]) -> Iterator[None]:
    """While in force, call ``passed`` whenever a layer has run, and whenever a backward pass reaches one.

    Args:
        model: any; its hooks are as before afterwards.
        passed: called with nothing; on CUDA a backward pass calls from a thread of its own.
    """

    def ran(output: object) -> None:
        passed()
        stream = output[0] if isinstance(output, tuple) else output
        # A mode that gives operations other derivatives is in force during the passes of some methods.
        with torch._C.DisableTorchFunction():
            if isinstance(stream, Tensor) and stream.grad_fn is not None:
                stream.grad_fn.register_prehook(lambda _: passed())

    with borrowed(model.module) as hooks:
        for block in model.wiring.blocks:
            hooks.returned(block.module, ran)
        yield
