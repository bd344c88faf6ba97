"""GPT-NeoX (Pythia): partial rotary positions, LayerNorm, q, k, v fused head by head, parallel or sequential blocks."""

from __future__ import annotations

from typing import Any

from edgewise.graph import GraphSpec
from edgewise.models.family import Family, layer_norm, understood
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, interleaved_heads


def wire(model: Any) -> Wiring:
    """The wiring of a ``GPTNeoXForCausalLM``."""
    config, heads = model.config, model.config.num_attention_heads

    def block(layer: Any) -> Block:
        module = layer.attention.query_key_value
        q, k, v = (Projection(module, interleaved_heads(part, heads)) for part in range(3))
        out = OutputProjection(layer.attention.dense, heads)
        attention = Attention(layer_norm(config, layer.input_layernorm), q, k, v, out)
        return Block(layer, attention, Mlp(layer_norm(config, layer.post_attention_layernorm), layer.mlp))

    body = model.gpt_neox
    spec = GraphSpec(config.num_hidden_layers, heads, config.hidden_size, parallel=config.use_parallel_residual)
    return Wiring(model, spec, tuple(map(block, body.layers)), layer_norm(config, body.final_layer_norm), model.lm_head)


ROWS = (
    Family(
        "GPTNeoXForCausalLM",
        "rotary, LayerNorm, parallel or sequential blocks",
        understood(
            """hidden_size intermediate_size num_hidden_layers num_attention_heads hidden_act layer_norm_eps
            use_parallel_residual attention_bias attention_dropout hidden_dropout"""
        ),
        wire,
    ),
)
