"""Rotary positions as a GGUF file means them, in a config.

A file may hold one factor a frequency (Llama 3.1's scaling, worked out), or a linear scaling; ``transformers`` passes
over both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gguf
import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from edgewise.errors import UnsupportedModelError
from edgewise.models.pretrained.gguf.header import Header

FACTORS = "rope_freqs.weight"
# What every published Llama of this scaling has; the file's factors show whether this one does.
_LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def mend_rotary(header: Header, config: Any) -> None:
    """Put the file's scaling of positions into the config.

    Raises:
        UnsupportedModelError: factors that are of no scaling that ``transformers`` has.
    """
    if header.own.get("rope.scaling.type") == "linear":
        parameters = next(_parameters(config))
        parameters.update({"rope_type": "linear", "factor": float(header.own.get("rope.scaling.factor", 1.0))})
    if FACTORS in header.tensors:
        _mend_factors(header, config)


def thetas(config: Any) -> list[Any]:
    """The base of the frequencies: of layers that see everything first, then of those with a window."""
    return [parameters.get("rope_theta") for parameters in _parameters(config)] or [None]


def scaling(config: Any) -> tuple[str, float]:
    """How positions are scaled, in llama.cpp's words, and by what."""
    parameters = next(_parameters(config), {})
    kind = parameters.get("rope_type", "default")
    return ("none", 1.0) if kind == "default" else (kind, float(parameters.get("factor", 1.0)))


def rotary_size(config: Any) -> int | None:
    """How many entries of a head are turned."""
    parameters = next(_parameters(config), {})
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    part = parameters.get("partial_rotary_factor") or getattr(config, "partial_rotary_factor", None) or 1.0
    return int(size * part)


def _parameters(config: Any) -> Iterator[dict[str, Any]]:
    """The settings of rotary positions, of each kind of layer where kinds differ."""
    held = getattr(config, "rope_parameters", None) or {}
    if "full_attention" in held:
        yield held["full_attention"]
        yield from (value for kind, value in held.items() if kind != "full_attention")
    elif held:
        yield held


def _mend_factors(header: Header, config: Any) -> None:
    tensor = header.tensors[FACTORS]
    factors = torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type)).flatten().float()
    theta, plain = thetas(config)[0], dict(next(_parameters(config), {}))
    exponents = torch.arange(0, rotary_size(config) or 0, 2).float() / (rotary_size(config) or 1)
    wanted = 1.0 / (theta or 1.0) ** exponents
    llama_3 = {**plain, "rope_type": "llama3", "factor": float(factors.max()), **_LLAMA_3}
    if len(wanted) == len(factors) and "full_attention" not in (config.rope_parameters or {}):
        config.rope_parameters = llama_3
        made, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
        if torch.allclose(made, wanted / factors, rtol=1e-4, atol=0):
            return
    raise UnsupportedModelError(
        f"GGUF file {str(header.path)!r}: its factors of rotary frequencies ({FACTORS}) are not those of Llama 3.1's"
        " scaling; use the model's own checkpoint (safetensors)"
    )
