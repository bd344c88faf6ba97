"""BLOOM: ALiBi, LayerNorm, q, k, v fused head by head, sequential blocks.

Its attention and its MLP add the stream that they are given to what they make, so their last linear modules are what
writes to the stream; the MLP's first linear module reads it.
"""

from __future__ import annotations

from typing import Any

from edgewise.graph import GraphSpec
from edgewise.models.family import Family, layer_norm, understood
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, interleaved_heads


def wire(model: Any) -> Wiring:
    """The wiring of a ``BloomForCausalLM``."""
    config, heads = model.config, model.config.n_head

    def block(layer: Any) -> Block:
        module = layer.self_attention.query_key_value
        q, k, v = (Projection(module, interleaved_heads(part, heads)) for part in range(3))
        out = OutputProjection(layer.self_attention.dense, heads)
        attention = Attention(layer_norm(config, layer.input_layernorm), q, k, v, out)
        norm = layer_norm(config, layer.post_attention_layernorm)
        return Block(layer, attention, Mlp(norm, layer.mlp.dense_h_to_4h, out=layer.mlp.dense_4h_to_h))

    body = model.transformer
    spec = GraphSpec(config.n_layer, heads, config.hidden_size)
    return Wiring(model, spec, tuple(map(block, body.h)), layer_norm(config, body.ln_f), model.lm_head)


ROWS = (
    Family(
        "BloomForCausalLM",
        "ALiBi, LayerNorm",
        understood(
            "hidden_size n_layer n_head layer_norm_epsilon hidden_dropout attention_dropout pretraining_tp",
            {"apply_residual_connection_post_layernorm": False, "slow_but_exact": False},
        ),
        wire,
    ),
)
