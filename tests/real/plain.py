"""A published model from its GGUF file, without ``transformers``' reader: the published config and the tensors by hand.

The file keeps Llama's queries and keys with the two halves of a head's entries interleaved, and Gemma's gains with one
added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
}
LLAMA = {**LAYER, "ffn_norm": "post_attention_layernorm"}
GEMMA = {
    **LAYER,
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def half_by_half(name: str, value: Tensor, config: Any) -> Tensor:
    """Llama's queries and keys, each head's first half first."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(name)
    return value if heads is None else value.unflatten(0, (heads, -1, 2)).transpose(1, 2).reshape(value.shape)


def less_one(name: str, value: Tensor, config: Any) -> Tensor:
    """Gemma's gains as what is added to one."""
    return value - 1 if name.endswith("norm") else value


@dataclass(frozen=True)
class Published:
    """What is known of a model beside its file."""

    module: type[Any]
    config: Callable[[], Any]
    names: Mapping[str, str]
    turned: Callable[[str, Tensor, Any], Tensor]


SMOLLM2 = Published(
    LlamaForCausalLM,
    lambda: LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    ),
    LLAMA,
    half_by_half,
)
GEMMA3 = Published(
    Gemma3ForCausalLM,
    lambda: Gemma3TextConfig(
        vocab_size=262144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        max_position_embeddings=32768,
        query_pre_attn_scalar=256,
        sliding_window=512,
        layer_types=(["sliding_attention"] * 5 + ["full_attention"]) * 3,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
    ),
    GEMMA,
    less_one,
)


def plain(file: Path, published: Published) -> Any:
    """The module with the file's weights."""
    import gguf

    module = published.module(published.config()).eval()
    state = module.state_dict()
    for tensor in gguf.GGUFReader(file).tensors:
        value = torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type))
        stem = tensor.name.removesuffix(".weight")
        if stem in OUTSIDE:
            name, short = OUTSIDE[stem], stem
        else:
            _, layer, short = stem.split(".")
            name = f"model.layers.{layer}.{published.names[short]}"
        state.pop(f"{name}.weight").copy_(published.turned(short, value, module.config))
    assert set(state) == {"lm_head.weight"}
    return module
