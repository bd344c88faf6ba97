"""A tiny random model of every class that edgewise knows, with the sizes that its config has names for.

A class with a row in ``edgewise.models.families`` is here by itself; only what its config can switch needs a row below.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from edgewise.models.families import FAMILIES
from tiny import MAX_POSITIONS, VOCABULARY, finish

WINDOW = 5
"""Keys that a query of a layer with a sliding window sees, itself included."""

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_heads"), 8),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 4),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"), 40),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 24),
    **dict.fromkeys(("num_local_experts", "num_experts"), 4),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), MAX_POSITIONS),
    **dict.fromkeys(("sliding_window", "window_size"), WINDOW),
    **dict.fromkeys(("bos_token_id", "eos_token_id"), 0),
    "pad_token_id": None,
    "vocab_size": VOCABULARY,
    "head_dim": 4,
    "query_pre_attn_scalar": 4,
    "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 3.0,
    "rotary_dim": 2,
    "num_experts_per_tok": 2,
    "use_sliding_window": True,
    "max_window_layers": 1,
    "no_rope_layer_interval": 2,
    "attention_types": [[["global", "local"], 1]],
}
"""By the name of a config's attribute; those that a config lacks are left out."""

FIRST_LAYER_WINDOWED = ["sliding_attention", "full_attention"]
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.5], "long_factor": [2.0, 3.0]}

SWITCHED: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2-scaled-by-layer": ("GPT2LMHeadModel", {"scale_attn_by_inverse_layer_idx": True}),
    "gpt-neox-sequential": ("GPTNeoXForCausalLM", {"use_parallel_residual": False}),
    "granite-multiplied": (
        "GraniteForCausalLM",
        {
            "residual_multiplier": 0.22,
            "embedding_multiplier": 12.0,
            "attention_multiplier": 0.4,
            "logits_scaling": 8.0,
            "attention_bias": True,
        },
    ),
    "bloom-slow": ("BloomForCausalLM", {"pretraining_tp": 2}),
    "opt-bare": ("OPTForCausalLM", {"enable_bias": False, "layer_norm_elementwise_affine": False}),
    "llama-biased": ("LlamaForCausalLM", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "mistral-without-window": ("MistralForCausalLM", {"sliding_window": None}),
    "cohere-normed-queries": ("CohereForCausalLM", {"use_qk_norm": True, "attention_bias": True}),
    "phi-normed-queries": ("PhiForCausalLM", {"qk_layernorm": True}),
    "phi3-longrope": ("Phi3ForCausalLM", {"rope_parameters": LONGROPE, "original_max_position_embeddings": 3}),
    "stablelm-parallel": (
        "StableLmForCausalLM",
        {"use_parallel_residual": True, "qk_layernorm": True, "use_qkv_bias": True},
    ),
    "falcon-grouped-two-norms": ("FalconForCausalLM", {"new_decoder_architecture": True, "bias": True}),
    "falcon-grouped-one-norm": (
        "FalconForCausalLM",
        {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1, "num_kv_heads": 2},
    ),
    "falcon-alibi-sequential": (
        "FalconForCausalLM",
        {"alibi": True, "multi_query": False, "num_kv_heads": 8, "parallel_attn": False, "bias": True},
    ),
    "falcon-alibi-multi-query": ("FalconForCausalLM", {"alibi": True}),
    "qwen2-moe-every-other-layer": ("Qwen2MoeForCausalLM", {"decoder_sparse_step": 2, "norm_topk_prob": True}),
    "qwen3-moe-first-layer-plain": ("Qwen3MoeForCausalLM", {"mlp_only_layers": [0], "attention_bias": True}),
    "gemma3-mixed-layers-uncapped": (
        "Gemma3ForCausalLM",
        {"layer_types": FIRST_LAYER_WINDOWED, "attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "olmo2-grouped": ("Olmo2ForCausalLM", {"num_key_value_heads": 2}),
    "olmo3-mixed-layers": ("Olmo3ForCausalLM", {"layer_types": FIRST_LAYER_WINDOWED}),
    "exaone4-mixed-layers": ("Exaone4ForCausalLM", {"layer_types": FIRST_LAYER_WINDOWED}),
    "glm4-biased": ("Glm4ForCausalLM", {"attention_bias": True}),
}
"""What a config can switch: name -> class and attributes."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {**{name: (name, {}) for name in FAMILIES}, **SWITCHED}


def config_of(architecture: str, **switched: Any) -> PreTrainedConfig:
    """A config of tiny sizes."""
    blank = getattr(transformers, architecture).config_class()
    # A config knows some sizes by two names, and some follow from others.
    second = {*type(blank).attribute_map, *(name for name, x in vars(type(blank)).items() if isinstance(x, property))}
    settings = {name: size for name, size in SIZES.items() if hasattr(blank, name) and name not in second}
    if "partial_rotary_factor" in (getattr(blank, "rope_parameters", None) or {}):
        factor = 1.0 if architecture == "Phi3ForCausalLM" else 0.5
        settings["rope_parameters"] = blank.rope_parameters | {"partial_rotary_factor": factor}
    return type(blank)(**settings | switched)


def tiny(
    case: str, *, dtype: torch.dtype = torch.float64, seed: int = 0, attention: str | None = None, **more: Any
) -> PreTrainedModel:
    """The model of a case, every parameter random; ``attention`` is the class's default unless given."""
    architecture, switched = CASES[case]
    kind, config = getattr(transformers, architecture), config_of(architecture, **switched | more)
    if dtype == torch.float64:
        config._experts_implementation = "eager"  # the default kernel knows no float64
    return finish(kind, config, dtype, seed, attention or ("sdpa" if kind._supports_sdpa else "eager"))
