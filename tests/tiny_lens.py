"""Tiny random checkpoints in TransformerLens's format, and the models that edgewise loads from them.

Names, shapes and layout are written out here from the format's definition, and not taken from the package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from weakref import WeakKeyDictionary

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from edgewise.models import load_model

VOCABULARY = 50
MAX_POSITIONS = 24

_BEHIND: WeakKeyDictionary[nn.Module, LensCheckpoint] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class LensCheckpoint:
    """A config as its JSON would be, and tensors by name."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @staticmethod
    def behind(module: nn.Module) -> LensCheckpoint | None:
        """The checkpoint that a module was loaded from, if `tiny_lens` made it."""
        return _BEHIND.get(module)

    def write(self, folder: Path, weights: str = "model_final.pth", config: str = "config.json") -> Path:
        """Store it as the files a user would have."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / config).write_text(json.dumps(dict(self.config)), encoding="utf-8")
        tensors = {name: x.contiguous() for name, x in self.tensors.items()}
        if weights.endswith(".safetensors"):
            save_file(tensors, folder / weights)
        else:
            torch.save(tensors, folder / weights)
        return folder

    def load(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        """The module that edgewise makes of it."""
        with TemporaryDirectory() as folder:
            module = load_model(self.write(Path(folder)), dtype=dtype).module
        _BEHIND[module] = self
        return module


DUMP: dict[str, Any] = {
    "n_layers": 3,
    "d_model": 32,
    "n_ctx": MAX_POSITIONS,
    "d_head": 8,
    "model_name": "custom",
    "n_heads": 4,
    "d_mlp": 48,
    "act_fn": "gelu_new",
    "d_vocab": VOCABULARY,
    "eps": 1e-5,
    "use_attn_result": True,
    "use_attn_scale": True,
    "attn_scale": math.sqrt(8),
    "use_split_qkv_input": True,
    "use_hook_mlp_in": True,
    "use_attn_in": False,
    "use_local_attn": False,
    "ungroup_grouped_query_attention": True,
    "original_architecture": None,
    "from_checkpoint": False,
    "checkpoint_index": None,
    "checkpoint_label_type": None,
    "checkpoint_value": None,
    "tokenizer_name": None,
    "window_size": None,
    "attn_types": None,
    "init_mode": "gpt2",
    "normalization_type": "LN",
    "device": "cpu",
    "n_devices": 1,
    "attention_dir": "causal",
    "attn_only": False,
    "seed": 0,
    "initializer_range": 0.14,
    "init_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "positional_embedding_type": "standard",
    "final_rms": False,
    "d_vocab_out": VOCABULARY,
    "parallel_attn_mlp": False,
    "rotary_dim": None,
    "n_params": 1000,
    "use_hook_tokens": False,
    "gated_mlp": False,
    "default_prepend_bos": True,
    "dtype": "torch.float32",
    "tokenizer_prepends_bos": None,
    "n_key_value_heads": None,
    "post_embedding_ln": False,
    "rotary_base": 10000,
    "trust_remote_code": False,
    "rotary_adjacent_pairs": False,
    "load_in_4bit": False,
    "num_experts": None,
    "experts_per_token": None,
    "relative_attention_max_distance": None,
    "relative_attention_num_buckets": None,
    "decoder_start_token_id": None,
    "tie_word_embeddings": False,
    "use_normalization_before_and_after": False,
    "attn_scores_soft_cap": -1.0,
    "output_logits_soft_cap": -1.0,
    "use_NTK_by_parts_rope": False,
    "NTK_by_parts_low_freq_factor": 1.0,
    "NTK_by_parts_high_freq_factor": 4.0,
    "NTK_by_parts_factor": 8.0,
}
"""A full config dump of 3 layers, 4 heads, width 32: every field that TransformerLens writes."""


def dump(**changes: Any) -> dict[str, Any]:
    """`DUMP`, with some fields set otherwise."""
    return DUMP | changes


HUB: dict[str, Any] = {
    "n_layers": 3,
    "d_model": 32,
    "d_mlp": 48,
    "d_head": 8,
    "n_heads": 4,
    "lr_hidden": 0.002,
    "lr_vector": 0.001,
    "batch_size_per_device": 32,
    "batches_per_step": 1,
    "seed": 259123,
    "save_checkpoints": True,
    "debug": False,
    "debug_batch": False,
    "normalization": "LN",
    "max_tokens": 22000000000,
    "version": 24,
    "use_bfloat16_matmul": True,
    "n_ctx": MAX_POSITIONS,
    "d_vocab": VOCABULARY,
    "tokenizer_name": None,
    "betas": [0.9, 0.99],
    "weight_decay": 0.05,
    "dataset_name": "c4_code",
    "grad_norm_clip": 1.0,
    "n_devices": 8,
    "act_fn": "solu_ln",
    "shortformer_pos": False,
    "attn_only": False,
    "ln_eps": 1e-5,
    "lr_schedule": "cosine_warmup",
    "warmup_tokens": 300000000,
    "train_loss_ewma_beta": 0.99,
    "truncate_tokens": 1000000000000,
    "log_interval": 50,
    "initializer_scale_global": 1.0,
    "initializer_scale_hidden": 0.02,
    "initializer_scale_embed": 0.1,
    "initializer_scale_unembed": 0.02,
    "neuron_scale": 1.0,
    "neuron_temp": 1.0,
    "use_acc": False,
    "weight_init_scheme": "gpt2",
    "fixed_init": "",
    "store_init": False,
    "control": 1.0,
    "tokens_per_step": 262144,
    "batch_size": 256,
    "max_steps": 83923,
    "warmup_steps": 1144,
    "n_params": 3145728,
}
"""A config as the hub repositories of small models have it, training settings included."""


def hub(**changes: Any) -> dict[str, Any]:
    """`HUB`, with some fields set otherwise."""
    return HUB | changes


def checkpoint(config: Mapping[str, Any], seed: int = 0) -> LensCheckpoint:
    """Random tensors for a config: every gain, bias and weight, and the buffers that TransformerLens stores too."""
    generator = torch.Generator().manual_seed(seed)

    def draw(shape: tuple[int, ...], gain: bool) -> Tensor:
        noise = torch.randn(shape, dtype=torch.float64, generator=generator)
        return 1 + 0.3 * noise if gain else 0.2 * noise

    tensors = {name: draw(shape, name.endswith(".w")) for name, shape in shapes(config).items()}
    for layer in range(config["n_layers"]):
        tensors[f"blocks.{layer}.attn.mask"] = torch.ones(config["n_ctx"], config["n_ctx"]).tril().bool()
        tensors[f"blocks.{layer}.attn.IGNORE"] = torch.tensor(-torch.inf)
    return LensCheckpoint(config, tensors)


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter."""
    c = {"attn_only": False, "final_rms": False, "gated_mlp": False, "n_key_value_heads": None, **config}
    norm = c.get("normalization_type", c.get("normalization", "LN"))
    d, e, heads, m = c["d_model"], c["d_head"], c["n_heads"], c["d_mlp"]
    kv, mark = (c["n_key_value_heads"], "_") if c["n_key_value_heads"] else (heads, "")
    out = c.get("d_vocab_out", c["d_vocab"])
    found: dict[str, tuple[int, ...]] = {"embed.W_E": (c["d_vocab"], d)}
    if c.get("positional_embedding_type") != "rotary":
        found["pos_embed.W_pos"] = (c["n_ctx"], d)
    for layer in range(c["n_layers"]):
        attention, mlp = f"blocks.{layer}.attn", f"blocks.{layer}.mlp"
        found |= _norm(f"blocks.{layer}.ln1", norm, d)
        found |= {f"{attention}.W_Q": (heads, d, e), f"{attention}.b_Q": (heads, e)}
        for letter in "KV":
            found |= {f"{attention}.{mark}W_{letter}": (kv, d, e), f"{attention}.{mark}b_{letter}": (kv, e)}
        found |= {f"{attention}.W_O": (heads, e, d), f"{attention}.b_O": (d,)}
        if c["attn_only"]:
            continue
        found |= _norm(f"blocks.{layer}.ln2", norm, d)
        found |= {f"{mlp}.W_in": (d, m), f"{mlp}.b_in": (m,), f"{mlp}.W_out": (m, d), f"{mlp}.b_out": (d,)}
        found |= {f"{mlp}.W_gate": (d, m)} if c["gated_mlp"] else {}
        found |= _norm(f"{mlp}.ln", norm if norm == "LN" else None, m) if c["act_fn"] == "solu_ln" else {}
        found |= (
            {f"{mlp}.act_fn.{x}": () for x in ("alpha_p", "alpha_n", "beta", "eps")} if c["act_fn"] == "xielu" else {}
        )
    found |= _norm("ln_final", "RMS" if norm == "LN" and c["final_rms"] else norm, d)
    return found | {"unembed.W_U": (d, out), "unembed.b_U": (out,)}


def _norm(place: str, kind: str | None, width: int) -> dict[str, tuple[int, ...]]:
    gains = {f"{place}.w": (width,)} if kind in ("LN", "RMS") else {}
    return gains | ({f"{place}.b": (width,)} if kind == "LN" else {})


CONFIGS: dict[str, dict[str, Any]] = {
    "lens-attention-only": hub(attn_only=True),
    "lens-shortformer-folded": dump(normalization_type="LNPre", positional_embedding_type="shortformer"),
    "lens-bidirectional-without-norms": dump(
        normalization_type=None, attention_dir="bidirectional", act_fn="relu", d_vocab_out=VOCABULARY + 5
    ),
    "lens-rotary-gated-grouped": dump(
        normalization_type="RMS",
        positional_embedding_type="rotary",
        rotary_dim=6,
        rotary_adjacent_pairs=True,
        rotary_base=500,
        gated_mlp=True,
        act_fn="silu",
        n_key_value_heads=2,
        final_rms=True,
    ),
    "lens-solu-parallel": dump(
        act_fn="solu_ln",
        parallel_attn_mlp=True,
        final_rms=True,
        use_attn_scale=False,
        scale_attn_by_inverse_layer_idx=True,
    ),
}
"""What the format can say, in models of one size."""


def lens(
    config: Mapping[str, Any], *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str = "sdpa"
) -> nn.Module:
    """The model of a config, as loaded from its files; there is one kernel of attention alone."""
    return checkpoint(config, seed).load(dtype)


LENS_FAMILIES: dict[str, Callable[..., nn.Module]] = {name: partial(lens, config) for name, config in CONFIGS.items()}
