"""Llama: rotary positions, RMSNorm, separate q, k, v with grouped key/value heads, gated MLP, sequential blocks."""

from __future__ import annotations

from transformers import LlamaForCausalLM

from edgewise.graph import GraphSpec
from edgewise.models.norms import Norm
from edgewise.models.understood import Understood
from edgewise.models.wiring import Attention, Block, Mlp, OutputProjection, Projection, Wiring, separate_heads

UNDERSTOOD = Understood(
    attributes=frozenset(
        """hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim hidden_act
        max_position_embeddings rms_norm_eps rope_parameters attention_bias attention_dropout mlp_bias pretraining_tp
        is_llama_config rope_interleaved""".split()
    ),
    required={"rope_interleaved": False},
)


def wire(model: LlamaForCausalLM) -> Wiring:
    """The wiring of a ``LlamaForCausalLM``."""
    config = model.config
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads

    def norm(module: object) -> Norm:
        return Norm(module, centred=False, eps=config.rms_norm_eps)  # type: ignore[arg-type]

    blocks = tuple(
        Block(
            module=layer,
            attention=Attention(
                norm(layer.input_layernorm),
                q=Projection(layer.self_attn.q_proj, separate_heads(heads)),
                k=Projection(layer.self_attn.k_proj, separate_heads(kv_heads)),
                v=Projection(layer.self_attn.v_proj, separate_heads(kv_heads)),
                out=OutputProjection(layer.self_attn.o_proj, heads),
            ),
            mlp=Mlp(norm(layer.post_attention_layernorm), layer.mlp),
        )
        for layer in model.model.layers
    )
    spec = GraphSpec(n_layers=config.num_hidden_layers, n_heads=heads, n_kv_heads=kv_heads, d_model=config.hidden_size)
    return Wiring(model, spec, blocks, norm(model.model.norm), model.lm_head)
