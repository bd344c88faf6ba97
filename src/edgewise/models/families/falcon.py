"""Falcon: rotary or ALiBi positions, LayerNorm, one module for q, k, v, whose heads lie in one of three orders.

The first models have one k and one v behind all q heads (multi-query), or q, k, v head by head, as GPT-NeoX; later ones
("new decoder architecture") lay k and v behind the q heads of each group. Attention and MLP follow one another, or read
in parallel through one norm or two.
"""

from __future__ import annotations

from typing import Any

from edgewise.graph import GraphSpec
from edgewise.models.family import Family, layer_norm, understood
from edgewise.models.wiring import (
    Attention,
    Block,
    HeadView,
    Mlp,
    OutputProjection,
    Projection,
    Wiring,
    grouped_heads,
    interleaved_heads,
    stacked_heads,
)


def _kv_heads(config: Any) -> int:
    if config.new_decoder_architecture:
        return int(config.num_kv_heads)
    return 1 if config.multi_query else int(config.num_attention_heads)


def _view(config: Any, part: int) -> HeadView:
    heads, kv_heads = config.num_attention_heads, _kv_heads(config)
    if config.new_decoder_architecture:
        return grouped_heads(part, heads, kv_heads)
    return stacked_heads(part, heads, kv_heads) if config.multi_query else interleaved_heads(part, heads)


def wire(model: Any) -> Wiring:
    """The wiring of a ``FalconForCausalLM``."""
    from transformers.models.falcon.modeling_falcon import FalconLinear

    config, heads = model.config, model.config.num_attention_heads

    def block(layer: Any) -> Block:
        two = config.new_decoder_architecture and config.num_ln_in_parallel_attn == 2
        first = layer_norm(config, layer.ln_attn if two else layer.input_layernorm)
        if two:
            second = layer_norm(config, layer.ln_mlp)
        else:
            second = first if config.parallel_attn else layer_norm(config, layer.post_attention_layernorm)
        attention = layer.self_attention
        q, k, v = (Projection(attention.query_key_value, _view(config, part)) for part in range(3))
        out = OutputProjection(attention.dense, heads)
        return Block(layer, Attention(first, q, k, v, out), Mlp(second, layer.mlp))

    body = model.transformer
    spec = GraphSpec(
        config.num_hidden_layers,
        heads,
        config.hidden_size,
        n_kv_heads=_kv_heads(config),
        parallel=config.parallel_attn,
    )
    final = layer_norm(config, body.ln_f)
    return Wiring(model, spec, tuple(map(block, body.h)), final, model.lm_head, linear=(FalconLinear,))


def _refuse(config: Any) -> str | None:
    if config.new_decoder_architecture and not config.parallel_attn:
        return "new_decoder_architecture without parallel_attn is no model that transformers can run"
    if not config.new_decoder_architecture and config.parallel_attn and config.num_ln_in_parallel_attn == 2:
        return "num_ln_in_parallel_attn is 2, which is understood with new_decoder_architecture alone"
    return None


ROWS = (
    Family(
        "FalconForCausalLM",
        "rotary or ALiBi, LayerNorm, multi-query or grouped heads, parallel or sequential blocks",
        understood(
            """hidden_size num_hidden_layers num_attention_heads num_kv_heads num_ln_in_parallel_attn ffn_hidden_size
            activation layer_norm_epsilon alibi new_decoder_architecture multi_query parallel_attn bias hidden_dropout
            attention_dropout""",
            {"apply_residual_connection_post_layernorm": False},
            refuse=_refuse,
        ),
        wire,
        fused=interleaved_heads,
        told={"multi_query": False},
    ),
)
