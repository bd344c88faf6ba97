"""How a model is loaded: what was chosen, read and checked before anything is looked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from edgewise import processes
from edgewise.errors import ModelError, did_you_mean
from edgewise.settings.device import AUTO, taken, type_taken
from edgewise.settings.model import DType, KvHeads

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in get_args(DType) if name != AUTO}
KV_HEADS: tuple[str, ...] = get_args(KvHeads)


@dataclass(frozen=True, eq=False)
class Choices:
    """How a stored model is loaded; see `edgewise.models.load_model`."""

    dtype: torch.dtype
    device: torch.device
    device_map: str | Mapping[str, Any] | None
    tokenizer: Any | None
    ignore_config: Collection[str]
    trust_remote_code: bool
    kv_heads: str
    attention: str | None
    weights: bool = True


def require_kv_heads(kv_heads: str) -> None:
    """Refuse a way of seeing key/value heads that there is not. Raises ModelError."""
    if kv_heads not in KV_HEADS:
        near = did_you_mean(kv_heads, KV_HEADS)
        raise ModelError(f"kv_heads {kv_heads!r} is not known{near}; use one of {', '.join(KV_HEADS)}")


def require_no_choice(name: str, attention: str | None, adapter: str | Path | None, device_map: object) -> None:
    """Refuse what only a model in Hugging Face's format can be asked for. Raises ModelError."""
    if device_map is not None:
        raise ModelError(
            f"model {name!r} is none of Hugging Face's, and those alone are spread over devices; leave device_map out"
        )
    if adapter is not None:
        raise ModelError(
            f"model {name!r} is none of Hugging Face's, and adapters are merged into those alone; leave adapter"
            f" {str(adapter)!r} out"
        )
    if attention is not None:
        raise ModelError(f"model {name!r} has one way to compute attention; leave attention {attention!r} out")


def dtype_of(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The floating-point type that was asked for. Raises ModelError for one that is none."""
    if isinstance(dtype, torch.dtype):
        return dtype
    named = type_taken(dtype, str(device))
    if named not in DTYPES:
        raise ModelError(f"dtype {dtype!r} is not known{did_you_mean(dtype, DTYPES)}; use one of {', '.join(DTYPES)}")
    return DTYPES[named]


def mapped_device(device: str | torch.device | None) -> str:
    """The kind of device that a map spreads over: the best one here, which alone may be named beside it."""
    best = taken(AUTO)
    if device is not None and str(device) not in (AUTO, best):
        raise ModelError(f"device {str(device)!r} and device_map both say where the model goes; give one of them")
    if processes.size() > 1:
        raise ModelError("device_map spreads one process over all devices; leave device_map or the processes out")
    return best


def device_of(device: str | torch.device | None) -> torch.device:
    """The device that was asked for. Raises ModelError for one that is none, or not here."""
    try:
        chosen = torch.device(taken(device) if isinstance(device, str) else device or "cpu")
    except RuntimeError:
        raise ModelError(f"device {str(device)!r} is none; use auto, cpu, cuda or cuda:1") from None
    try:
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {str(device)!r} cannot be used here: {reason}; use 'cpu'") from None
    return chosen
