"""What a model is made of at one moment, to see whether a call left a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


@contextmanager
def leaves_no_trace(model: nn.Module) -> Iterator[None]:
    """Fails unless the model, and torch's global state, are afterwards as they were, exceptions included."""
    before, tensors = _state(model), _copies(model)
    try:
        yield
    finally:
        after = _state(model)
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        assert not changed, f"changed: {sorted(changed)}"
        assert [n for n, x in _copies(model).items() if not torch.equal(x, tensors[n])] == []


def _state(model: nn.Module) -> dict[str, Any]:
    """Everything comparable: identities of parameters and hooks, flags, attribute names, global settings."""
    state: dict[str, Any] = {
        "config": repr(model.config.to_dict() if hasattr(model.config, "to_dict") else model.config),
        "attention": [getattr(m.config, "_attn_implementation", None) for m in model.modules() if hasattr(m, "config")],
        "attention functions": sorted(ALL_ATTENTION_FUNCTIONS.valid_keys()),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "anomaly mode": torch.is_anomaly_enabled(),
        "default dtype": torch.get_default_dtype(),
        "random state": torch.random.get_rng_state().tolist(),
        "global hooks": {name: list(x) for name, x in vars(torch_module).items() if name.endswith("_hooks")},
    }
    for name, module in model.named_modules():
        state[f"module {name}"] = (id(module), module.training, sorted(vars(module)), _hooks(module))
    for name, parameter in model.named_parameters(remove_duplicate=False):
        grad = None if parameter.grad is None else (id(parameter.grad), parameter.grad.tolist())
        hooks = list((parameter._backward_hooks or {}).values())
        where = id(parameter), parameter.data_ptr()
        state[f"parameter {name}"] = (*where, parameter.requires_grad, grad, hooks)
    return state


def _hooks(module: nn.Module) -> dict[str, list[int]]:
    """Of every kind of hook: forward, forward pre, backward, backward pre, state dict..."""
    kinds = {name: value for name, value in vars(module).items() if name.endswith("_hooks")}
    assert {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"} <= kinds.keys()
    return {name: [id(hook) for hook in hooks.values()] for name, hooks in kinds.items()}


def _copies(model: nn.Module) -> dict[str, Tensor]:
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {name: tensor.detach().clone() for name, tensor in named}
