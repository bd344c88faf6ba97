"""OPT: learned positions, LayerNorm, separate q, k, v, sequential blocks whose MLP is two linears and no module.

Only the models with the norm in front of attention and MLP: all but OPT-350m.
"""

from __future__ import annotations

from typing import Any

from edgewise.graph import GraphSpec
from edgewise.models.family import Family, understood
from edgewise.models.norms import Norm
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, separate_heads


def wire(model: Any) -> Wiring:
    """The wiring of an ``OPTForCausalLM``."""
    config, heads = model.config, model.config.num_attention_heads

    def norm(module: Any) -> Norm:
        return Norm(module, centred=True, eps=module.eps)

    def block(layer: Any) -> Block:
        attention = layer.self_attn
        modules = (attention.q_proj, attention.k_proj, attention.v_proj)
        q, k, v = (Projection(module, separate_heads(heads)) for module in modules)
        out = OutputProjection(attention.out_proj, heads)
        mlp = Mlp(norm(layer.final_layer_norm), layer.fc1, out=layer.fc2)
        return Block(layer, Attention(norm(layer.self_attn_layer_norm), q, k, v, out), mlp)

    body = model.model.decoder
    spec = GraphSpec(config.num_hidden_layers, heads, config.hidden_size)
    return Wiring(model, spec, tuple(map(block, body.layers)), norm(body.final_layer_norm), model.lm_head)


def _refuse(config: Any) -> str | None:
    if config.word_embed_proj_dim != config.hidden_size:
        return (
            f"word_embed_proj_dim {config.word_embed_proj_dim} is not hidden_size {config.hidden_size}: a projection"
            " between the last block and the logits is not understood; use another size of OPT than 350m"
        )
    return None


ROWS = (
    Family(
        "OPTForCausalLM",
        "learned positions, LayerNorm",
        understood(
            """hidden_size num_hidden_layers num_attention_heads ffn_dim word_embed_proj_dim activation_function
            enable_bias layer_norm_elementwise_affine dropout attention_dropout layerdrop""",
            {"do_layer_norm_before": True, "_remove_final_layer_norm": False},
            refuse=_refuse,
        ),
        wire,
    ),
)
