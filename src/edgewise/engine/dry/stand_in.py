"""A model whose weights have shapes and no values: all that the engine does with it makes tensors of the same kind.

The weights are torch's own fake tensors (`torch._subclasses.fake_tensor`), the prompts are real: what follows from
token ids alone is computed, what would follow from logits is not known (`edgewise.engine.dry.watch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from edgewise.models import Model
from edgewise.models.adapted import within


@contextmanager
def without_values(model: Model) -> Iterator[None]:
    """While in force, a model's parameters and buffers are stand-ins for themselves.

    Args:
        model: on the meta device, or loaded; as before afterwards.
    """
    mode, made = FakeTensorMode(allow_non_fake_inputs=True), dict[int, Tensor]()
    before = list(_places(within(model.module)))
    try:
        for held, name, x in before:
            if id(x) not in made:
                made[id(x)] = _stand_in(mode, x)
            held[name] = made[id(x)]
        yield
    finally:
        for held, name, x in before:
            held[name] = x


def _places(module: nn.Module) -> Iterator[tuple[dict[str, Any], str, Tensor]]:
    """Where each parameter and buffer is held, and under which name."""
    for part in module.modules():
        held: dict[str, Any]
        for held in (part._parameters, part._buffers):
            yield from ((held, name, x) for name, x in held.items() if x is not None)


def _stand_in(mode: FakeTensorMode, x: Tensor) -> Tensor:
    fake: Tensor = FakeTensor(mode, x.detach().to("meta"), torch.device("cpu"))
    return nn.Parameter(fake, requires_grad=False) if isinstance(x, nn.Parameter) else fake
