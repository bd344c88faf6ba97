"""Attention patterns of an untouched model: what each head's softmax gives, as it runs.

1. While one prompt runs, every softmax is seen as a torch operation; fused attention is taken apart into its steps.
2. The last softmax in front of a layer's output projection is that layer's pattern. Attention sinks, which some models
   join to the keys, stand behind them and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgewise.engine.rules import kinds
from edgewise.engine.rules.steps import attention_by_steps
from edgewise.engine.run.forward import run
from edgewise.engine.run.hooks import borrowed
from edgewise.models import Model


class _Softmaxes(TorchFunctionMode):
    """Keeps the last softmax of four axes that was computed."""

    last: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == kinds.ATTENTION:
            with self:
                return attention_by_steps(*args, **kwargs)
        result = func(*args, **kwargs)
        if name in kinds.SOFTMAX and result.ndim == 4:
            self.last = result
        return result


@torch.no_grad()
def attention_patterns(model: Model, ids: Sequence[int]) -> tuple[Float[Tensor, "heads pos pos"] | None, ...]:
    """The patterns of all heads on one prompt, layer by layer.

    Args:
        model: the model; untouched afterwards.
        ids: the prompt's token ids.

    Returns:
        For each layer ``[heads, query, key]`` in float32 on the CPU, each row of sum 1 or, with a sink, less; None for
        a layer whose attention computes no softmax that torch shows, as some kernels do not.
    """
    found: list[Tensor | None] = [None] * len(model.wiring.blocks)
    seen = _Softmaxes()
    shape = (1, model.graph.spec.n_heads, len(ids))

    def note(layer: int, _: Tensor) -> None:
        last, seen.last = seen.last, None
        if last is not None and last.shape[:3] == shape and last.shape[3] >= len(ids):
            found[layer] = last[0, :, :, : len(ids)].float().cpu()

    with borrowed(model.module) as hooks:
        for layer, block in enumerate(model.wiring.blocks):
            hooks.before(block.attention.out.module, partial(note, layer))
        with seen:
            run(model.wiring, torch.tensor([list(ids)], device=model.device))
    return tuple(found)
