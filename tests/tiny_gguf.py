"""Tiny models written as GGUF files by the ``gguf`` package, with llama.cpp's layouts worked out here.

llama.cpp turns neighbours of a head's entries and ``transformers`` the two halves, so its Llama has the rows of queries
and keys in another order; Gemma's gains are stored with their one added; GPT-2's linear maps as outputs by inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from torch import Tensor
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tiny import finish

ALPHABET = list(bytes_to_unicode().values())
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ t", "Ġt o"]
END = "<|endoftext|>"
TOKENS = [*ALPHABET, *(merge.replace(" ", "") for merge in MERGES), END]
HEADS, KV_HEADS, WIDTH, INNER, LAYERS, POSITIONS = 4, 2, 64, 96, 2, 64

SIZES: dict[str, Any] = {
    "vocab_size": len(TOKENS),
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "head_dim": WIDTH // HEADS,
    "max_position_embeddings": POSITIONS,
    "bos_token_id": len(TOKENS) - 1,
    "eos_token_id": len(TOKENS) - 1,
    "pad_token_id": None,
}
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "Gemma2ForCausalLM": "gemma2",
    "Gemma3ForCausalLM": "gemma3",
    "GPT2LMHeadModel": "gpt2",
}


def module_of(architecture: str, **more: Any) -> Any:
    """A tiny random model of sizes that blocks of 32 quantised values divide."""
    import transformers

    kind = getattr(transformers, architecture)
    sizes = dict(SIZES)
    if architecture == "GPT2LMHeadModel":
        sizes = {"vocab_size": len(TOKENS), "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS}
        sizes |= {"n_positions": 1024, "bos_token_id": SIZES["bos_token_id"], "eos_token_id": SIZES["eos_token_id"]}
    if architecture in ("Qwen2ForCausalLM", "Qwen3ForCausalLM"):
        sizes["head_dim"] = WIDTH // HEADS
    if architecture.startswith("Gemma"):
        sizes["query_pre_attn_scalar"] = WIDTH // HEADS
    attention = "sdpa" if kind._supports_sdpa else "eager"
    return finish(kind, kind.config_class(**sizes | more), torch.float32, 0, attention)


def write(
    path: Path,
    module: Any,
    *,
    kind: Kind = Kind.F32,
    tokenizer: bool = True,
    keys: Mapping[str, Any] | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
    without: Iterable[str] = (),
    architecture: str | None = None,
) -> Path:
    """Write a module.

    Args:
        path: the file.
        module: its parameters are written.
        kind: how matrices are stored; vectors always as 32-bit floats.
        tokenizer: with byte-level BPE or without.
        keys: more keys, or others in their place.
        extra: more tensors.
        without: names of tensors to leave out.
        architecture: another name for it.
    """
    name = architecture or ARCHITECTURES[type(module).__name__]
    writer = gguf.GGUFWriter(path, name)
    for key, value in {**_keys(name, module.config), **(keys or {})}.items():
        _add(writer, key, value)
    if tokenizer:
        _add_tokenizer(writer)
    tensors = {key: value for key, value in layout(module).items() if key not in without}
    for key, value in tensors.items():
        stored = Kind.F32 if value.ndim == 1 else kind
        writer.add_tensor(key, gguf.quants.quantize(value, stored), raw_dtype=stored)
    for key, value in (extra or {}).items():
        writer.add_tensor(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def layout(module: Any) -> dict[str, np.ndarray]:
    """The parameters under llama.cpp's names, in its layouts."""
    name = ARCHITECTURES[type(module).__name__]
    table = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, name.upper()), LAYERS)
    placed = {}
    for own, value in module.named_parameters():
        stem, _, suffix = own.rpartition(".")
        placed[f"{table.get_name(stem)}.{suffix}"] = _turned(name, own, value.detach()).numpy().copy()
    return placed


def unpacked(module: Any, kind: Kind) -> dict[str, Tensor]:
    """The module's own parameters after a round trip through storage, which works on rows and keeps their order."""

    def trip(value: Tensor) -> Tensor:
        if value.ndim == 1:
            return value
        return torch.tensor(gguf.quants.dequantize(gguf.quants.quantize(value.numpy(), kind), kind))

    return {name: trip(value.detach()) for name, value in module.named_parameters()}


def _turned(name: str, own: str, value: Tensor) -> Tensor:
    if name == "llama" and own.endswith(("q_proj.weight", "k_proj.weight")):
        heads = HEADS if "q_proj" in own else KV_HEADS
        halves = value.view(heads, 2, -1, value.shape[-1])  # head, half, entry of the half, input
        return torch.stack((halves[:, 0], halves[:, 1]), dim=2).reshape(value.shape)
    if name.startswith("gemma") and own.endswith("norm.weight"):
        return value + 1
    if name == "gpt2" and own.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return value.T.contiguous()
    return value


def _keys(name: str, config: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "block_count": LAYERS,
        "context_length": config.max_position_embeddings,
        "embedding_length": WIDTH,
        "feed_forward_length": 4 * WIDTH if name == "gpt2" else INNER,
        "attention.head_count": HEADS,
    }
    if name == "gpt2":
        return _named(name, keys | {"attention.layer_norm_epsilon": config.layer_norm_epsilon})
    rotary = config.rope_parameters
    keys |= {
        "attention.head_count_kv": KV_HEADS,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.freq_base": float(rotary.get("full_attention", rotary).get("rope_theta")),
    }
    if name == "llama":
        keys |= {"rope.dimension_count": config.head_dim, "vocab_size": config.vocab_size}
    if name in ("qwen3", "gemma2", "gemma3"):
        keys |= {"attention.key_length": config.head_dim, "attention.value_length": config.head_dim}
    if name.startswith("gemma"):
        keys["attention.sliding_window"] = config.sliding_window
    return _named(name, keys)


def _named(name: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in keys.items()}


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _add_tokenizer(writer: Any) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * (len(TOKENS) - 1) + [3])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(len(TOKENS) - 1)
    writer.add_eos_token_id(len(TOKENS) - 1)
    writer.add_add_bos_token(False)
