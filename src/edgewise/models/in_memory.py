"""Models in memory, by names that a run folder can hold: ``memory:gpt2@3fa9c1d2e4b5``.

The name says what the model calls itself and, behind @, which config and weights it has. The model is in this process
alone, for as long as whoever gave it keeps it; a name that stands in a run folder brings no model back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn

from edgewise.errors import ModelError
from edgewise.models.adapted import within
from edgewise.models.model import Model
from edgewise.models.placement import require_present
from edgewise.models.taken import own_name
from edgewise.settings.memory_names import PREFIX

_DIGITS = 12
# Of a config: where it is from and what wrote it say nothing of the model.
_PASSING = {"_name_or_path", "name_or_path", "transformers_version", "device", "n_devices"}


@dataclass
class Held:
    """A model that was given.

    Args:
        module: it, or None where it is gone.
        tokenizer: that was given with it.
        parts: its class, and SHA-256 of its config and of its weights, as of `stamp`.
        stamp: what changes when the weights do.
    """

    module: Callable[[], nn.Module | None]
    tokenizer: Any | None
    parts: dict[str, str] = field(default_factory=dict)
    stamp: tuple[Any, ...] = ()


_HELD: dict[str, Held] = {}


def hold(model: nn.Module | Model, tokenizer: Any | None = None, *, kept: bool = False) -> str:
    """Take a model that is in memory, and return the name by which this process knows it from then on.

    Args:
        model: a module, or one with its tokenizer.
        tokenizer: in place of its own; by default also that with which the same model was given before.
        kept: keep it until `let_go`; else it is forgotten when whoever gave it lets it go.

    Raises:
        ModelError: weights that are not in memory.
    """
    module = within(model.module if isinstance(model, Model) else model)
    own = model.tokenizer if isinstance(model, Model) else None
    called = model.name if isinstance(model, Model) else own_name(module)
    require_present(called, module)
    held = Held((lambda: module) if kept else ref(module), tokenizer or own)
    _fingerprint(held, module)
    name = f"{PREFIX}{_plain(called)}@{_joined(held.parts)[:_DIGITS]}"
    if held.tokenizer is None and name in _HELD:
        held.tokenizer = _HELD[name].tokenizer
    _HELD[name] = held
    return name


def let_go(name: str) -> None:
    """Forget a model."""
    _HELD.pop(name, None)


def stand_in(name: str, other: str) -> None:
    """Let a held model be known by the name of another of the same config and weights."""
    _HELD[name] = _HELD[other]


def is_same(name: str, other: str) -> bool:
    """Whether two names are of models of the same config and weights."""
    return name.rpartition("@")[2] == other.rpartition("@")[2]


def held(name: str) -> tuple[nn.Module, Any | None]:
    """The model of a name, and its tokenizer. Raises ModelError where it is not, or no longer, in memory."""
    found = _HELD.get(name)
    module = None if found is None else found.module()
    if found is None or module is None:
        raise ModelError(
            f"model '{name}' was in the memory of the Python that gave it, and is not here; give it again: evaluate,"
            " verify and compare take model= the module or, where it is stored too, its name (--model)"
        )
    return module, found.tokenizer


def parts(name: str) -> dict[str, str]:
    """Class, and SHA-256 of config and weights as they are now; empty where the model is not in memory."""
    found = _HELD.get(name)
    module = None if found is None else found.module()
    if found is None or module is None:
        return {}
    if found.stamp != _stamp(module):
        _fingerprint(found, module)
    return dict(found.parts)


def _fingerprint(found: Held, module: nn.Module) -> None:
    config = json.dumps(_config(module), sort_keys=True, default=str)
    found.stamp = _stamp(module)
    found.parts = {
        "class": type(module).__name__,
        "config": hashlib.sha256(config.encode()).hexdigest(),
        "weights": _weights(module),
    }


def _config(module: nn.Module) -> Mapping[str, Any]:
    config: Any = getattr(module, "config", None) or getattr(module, "cfg", None)
    values = config.to_dict() if hasattr(config, "to_dict") else dict(vars(config)) if config is not None else {}
    return {str(name): value for name, value in values.items() if name not in _PASSING}


def _weights(module: nn.Module) -> str:
    found = hashlib.sha256()
    for name, x in sorted(module.state_dict().items()):
        if isinstance(x, Tensor):
            found.update(f"{name}\0{x.dtype}\0{list(x.shape)}\0".encode())
            found.update(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _stamp(module: nn.Module) -> tuple[Any, ...]:
    """Where each tensor lies and how often it was written to."""
    every = (*module.parameters(), *module.buffers())
    return tuple((x.data_ptr(), x.dtype, x.device, _written(x)) for x in every)


def _written(x: Tensor) -> int | None:
    with suppress(RuntimeError):  # tensors of inference mode are not counted
        return x._version
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", PurePath(name).name) or "model"


def _joined(digests: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{name}\0{digests[name]}\n" for name in sorted(digests)).encode()).hexdigest()
