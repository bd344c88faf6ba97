"""Llama's kind: ``model.layers`` with ``self_attn`` and ``mlp``, rotary positions, grouped key/value heads.

What differs from class to class stands in its row: the norm, whether one norm serves attention and MLP (which then read
in parallel), whether one module makes q, k and v. Norms of queries and keys, attention sinks and windows, and what is
within an MLP, experts and their router included, are the model's own: destinations are the projections' inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from edgewise.graph import GraphSpec
from edgewise.models.adapted import Adapted
from edgewise.models.family import Family, NormKind, layer_norm, rms_norm, understood
from edgewise.models.norms import Norm
from edgewise.models.wiring import (
    Attention,
    Block,
    Mlp,
    OutputProjection,
    Projection,
    Wiring,
    separate_heads,
    stacked_heads,
)

COMMON = """hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim hidden_act
    attention_dropout"""
WINDOW = "sliding_window layer_types"
EXPERTS = """num_experts num_local_experts num_experts_per_tok norm_topk_prob decoder_sparse_step mlp_only_layers
    moe_intermediate_size shared_expert_intermediate_size router_aux_loss_coef router_jitter_noise"""


def gemma_norm(config: Any, module: nn.Module) -> Norm:
    """RMSNorm whose gain is one plus its weight."""
    return Norm(module, centred=False, eps=config.rms_norm_eps, offset=1.0)


def bare_layer_norm(config: Any, module: nn.Module) -> Norm:
    """OLMo's LayerNorm, without gain and bias."""
    return Norm(module, centred=True, eps=1e-5)


def always(config: Any) -> bool:
    """Whatever the config says."""
    return True


def never(config: Any) -> bool:
    """Likewise."""
    return False


def projections(attention: Any, heads: int, kv_heads: int) -> list[Projection]:
    """q, k and v of an attention, from one module or three."""
    if hasattr(attention, "qkv_proj"):
        return [Projection(attention.qkv_proj, stacked_heads(part, heads, kv_heads)) for part in range(3)]
    apart = ((attention.q_proj, heads), (attention.k_proj, kv_heads), (attention.v_proj, kv_heads))
    return [Projection(module, separate_heads(count)) for module, count in apart]


def wire(
    model: Any,
    *,
    norm: NormKind = rms_norm,
    shared_norm: Callable[[Any], bool] = never,
    out: str = "o_proj",
    final: str = "norm",
    joint: bool = False,
) -> Wiring:
    """The wiring of a class of this kind.

    Args:
        model: the module.
        norm: what its norms are.
        shared_norm: whether, by its config, attention and MLP read through one norm, and so in parallel.
        out: the name of the attention's output projection.
        final: the name of the final norm.
        joint: whether queries and keys are normed over all heads together.
    """
    config = model.config
    heads, kv_heads, parallel = config.num_attention_heads, config.num_key_value_heads, shared_norm(config)
    # The layers' own: a config of a class that has none may hold one all the same.
    multiplier = float(getattr(next(iter(model.model.layers), None), "residual_multiplier", 1.0))

    def block(layer: Any) -> Block:
        first = norm(config, layer.input_layernorm)
        second = first if parallel else norm(config, layer.post_attention_layernorm)
        q, k, v = projections(layer.self_attn, heads, kv_heads)
        projection = OutputProjection(getattr(layer.self_attn, out), heads, multiplier=multiplier)
        return Block(layer, Attention(first, q, k, v, projection, joint), Mlp(second, layer.mlp))

    body = model.model
    spec = GraphSpec(config.num_hidden_layers, heads, config.hidden_size, n_kv_heads=kv_heads, parallel=parallel)
    blocks = tuple(map(block, body.layers))
    seen = model if multiplier == 1 else _multiplied(model, blocks, multiplier)
    return Wiring(seen, spec, blocks, norm(config, getattr(body, final)), model.lm_head)


def _multiplied(model: nn.Module, blocks: tuple[Block, ...], multiplier: float) -> Adapted:
    """The model with what attention and MLP add to the stream multiplied where they return it, not behind them."""
    writers = [block.attention.out.module for block in blocks]
    writers += [block.mlp.out for block in blocks if block.mlp is not None]
    times = partial(torch.mul, other=multiplier)
    told = [(block.module, "residual_multiplier", 1.0) for block in blocks]
    return Adapted(model, dict.fromkeys(writers, times), told)


def _row(
    architecture: str, note: str, attributes: str, required: Mapping[str, Any] | None = None, **differs: Any
) -> Family:
    return Family(architecture, note, understood(f"{COMMON} {attributes}", required), partial(wire, **differs))


# Router logits are an output beside the model's own, and the last block's are not computed at every position.
NO_ROUTER_OUTPUT = {"output_router_logits": False}

ROWS = (
    _row(
        "LlamaForCausalLM",
        "rotary, RMSNorm, grouped heads",
        "rms_norm_eps attention_bias mlp_bias",
        {"rope_interleaved": False},
    ),
    _row(
        "GraniteForCausalLM",
        "as Llama, multipliers of the embedding, of attention scores, of what is added to the stream and of the logits",
        """rms_norm_eps attention_bias mlp_bias embedding_multiplier attention_multiplier residual_multiplier
        logits_scaling""",
    ),
    _row("MistralForCausalLM", "as Llama, with a sliding window", f"rms_norm_eps {WINDOW}"),
    _row(
        "SmolLM3ForCausalLM",
        "as Llama, some layers without positions or with a sliding window",
        f"rms_norm_eps attention_bias mlp_bias no_rope_layers use_sliding_window {WINDOW}",
    ),
    _row(
        "Qwen2ForCausalLM",
        "as Llama, some layers with a sliding window",
        f"rms_norm_eps {WINDOW}",
        {"use_mrope": False},
    ),
    _row(
        "Qwen3ForCausalLM",
        "as Qwen2, with norms of queries and keys",
        f"rms_norm_eps attention_bias {WINDOW}",
    ),
    _row(
        "GemmaForCausalLM",
        "as Llama, scaled embedding, RMSNorm with gain 1 + weight",
        "rms_norm_eps attention_bias",
        norm=gemma_norm,
    ),
    _row(
        "OlmoForCausalLM",
        "as Llama, LayerNorm without gain",
        "attention_bias",
        {"clip_qkv": None},
        norm=bare_layer_norm,
    ),
    _row(
        "StableLmForCausalLM",
        "rotary, LayerNorm, sequential blocks or parallel ones with one norm",
        "layer_norm_eps use_qkv_bias qk_layernorm use_parallel_residual hidden_dropout",
        norm=layer_norm,
        shared_norm=lambda config: config.use_parallel_residual,
    ),
    _row(
        "CohereForCausalLM",
        "rotary, LayerNorm, parallel blocks with one norm",
        "layer_norm_eps attention_bias use_qk_norm logit_scale",
        norm=layer_norm,
        shared_norm=always,
    ),
    _row(
        "PhiForCausalLM",
        "rotary, LayerNorm, parallel blocks with one norm",
        "layer_norm_eps qk_layernorm resid_pdrop embd_pdrop",
        norm=layer_norm,
        shared_norm=always,
        out="dense",
        final="final_layernorm",
    ),
    _row(
        "Phi3ForCausalLM",
        "as Llama, q, k, v in one module, with a sliding window",
        f"rms_norm_eps resid_pdrop {WINDOW}",
        {"attention_bias": False, "mlp_bias": False, "lm_head_bias": False},
    ),
    _row(
        "MixtralForCausalLM",
        "as Mistral, experts",
        f"rms_norm_eps {WINDOW} {EXPERTS}",
        NO_ROUTER_OUTPUT,
    ),
    _row(
        "Qwen2MoeForCausalLM",
        "as Qwen2, experts beside a shared one",
        f"rms_norm_eps qkv_bias {WINDOW} {EXPERTS}",
        NO_ROUTER_OUTPUT,
    ),
    _row(
        "Qwen3MoeForCausalLM",
        "as Qwen3, experts",
        f"rms_norm_eps attention_bias {WINDOW} {EXPERTS}",
        NO_ROUTER_OUTPUT,
    ),
    _row(
        "OlmoeForCausalLM",
        "as Llama, queries and keys normed over all heads, experts",
        f"rms_norm_eps attention_bias {EXPERTS}",
        NO_ROUTER_OUTPUT | {"clip_qkv": None},
        joint=True,
    ),
    _row(
        "GptOssForCausalLM",
        "as Llama, attention sinks, every other layer with a sliding window, experts",
        f"rms_norm_eps attention_bias {WINDOW} {EXPERTS}",
        NO_ROUTER_OUTPUT,
    ),
)
